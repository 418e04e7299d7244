// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

const separators = " \t,"

// healthWords are an agent's words for the health of the server.
var healthWords = map[string]pool.Code{
	"up": pool.Layer7OK, "down": pool.Layer7Status, "stopped": pool.Layer7Status,
	"fail": pool.Layer7Status, "failed": pool.Layer7Status,
}

// adminWords are an agent's words for the administrative state of the server.
var adminWords = map[string]pool.Admin{"ready": pool.Ready, "drain": pool.Drain, "maint": pool.Maint}

// parseReport parses a line from an agent. The last of several words of a kind counts, and unknown
// words do not invalidate the others.
func parseReport(line string) pool.AgentReport {
	r := pool.AgentReport{Result: pool.Result{Code: pool.CodeNotChecked}}
	var said, unknown, description string
	for rest := line; ; {
		if rest = strings.TrimLeft(rest, separators); rest == "" {
			break
		}
		if comment, ok := strings.CutPrefix(rest, "#"); ok {
			description = strings.TrimLeft(comment, " \t")
			break
		}
		word := rest
		if end := strings.IndexAny(rest, separators); end >= 0 {
			word = rest[:end]
		}
		rest = rest[len(word):]
		lower := strings.ToLower(word)
		if code, ok := healthWords[lower]; ok {
			r.Code, said = code, lower
		} else if !applyWord(&r, lower) && unknown == "" {
			unknown = word
		}
	}
	r.Info = agentInfo(said, unknown, description)
	return r
}

// applyWord applies a lower-case word to the report. It reports whether the word is an
// administrative state, a weight or a maxconn.
func applyWord(r *pool.AgentReport, word string) bool {
	if admin, ok := adminWords[word]; ok {
		r.Admin = new(admin)
		return true
	}
	if weight, ok := strings.CutPrefix(word, "weight:"); ok && weight != "" {
		r.Weight = weight
		return true
	}
	if text, ok := strings.CutPrefix(word, "maxconn:"); ok {
		n, err := strconv.ParseUint(text, 10, 31)
		if err == nil {
			r.MaxConn = new(int(n))
		}
		return err == nil
	}
	if word[0] >= '0' && word[0] <= '9' && strings.Contains(word, "%") {
		r.Weight = word
		return true
	}
	return false
}

// agentInfo returns the Info for a line: an unknown word stands in for a missing description.
func agentInfo(said, unknown, description string) string {
	switch {
	case said == "" && unknown != "":
		return "agent reports an error: " + printable(unknown)
	case said == "":
		return printable(description)
	case description == "":
		description = unknown
	}
	if description == "" {
		return "via agent: " + said
	}
	return fmt.Sprintf("via agent: %s (%s)", said, printable(description))
}

// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// addPattern adds an entry, or to a map all entries of the payload.
func addPattern(p *patternRequest) error {
	entries := []control.PatternEntry{{Key: p.arg(1), Value: p.arg(2)}}
	switch {
	case p.kind == control.ACLs:
		if p.arg(0) == "" || p.arg(1) == "" {
			return refusal("'add acl' expects two parameters: ACL identifier and pattern.")
		}
		entries[0].Value = ""
	case p.loaded && p.arg(0) != "":
		var err error
		if entries, err = parsePairs(p.payload); err != nil {
			return err
		}
	case p.arg(0) == "" || p.arg(1) == "" || p.arg(2) == "":
		return refusal("'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload")
	}
	return control.AddPatterns(p.ref(), p.version, entries...)
}

// parsePairs parses the lines of a payload. As in HAProxy, # begins no comment there.
func parsePairs(payload string) (all []control.PatternEntry, err error) {
	for line := range strings.Lines(payload) {
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" {
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			return nil, refuse("Missing value for key '%s'.", line)
		}
		value := strings.TrimLeft(line[end:], " \t")
		if value == "" {
			return nil, refuse("Missing value for key '%s'.", line[:end])
		}
		all = append(all, control.PatternEntry{Key: line[:end], Value: value})
	}
	return all, nil
}

// parseRef parses #0x…, the reference of an entry in the answer to show map.
func parseRef(key string) (id uint64, ok bool) {
	digits, ok := strings.CutPrefix(key, "#")
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(digits, "0x"), 16, 64)
	return id, err == nil
}

func setPattern(p *patternRequest) error {
	if p.arg(0) == "" || p.arg(1) == "" || p.arg(2) == "" {
		return refusal("'set map' expects three parameters: map identifier, key and value.")
	}
	if p.version != nil {
		return p.unknownFile()
	}
	if id, ok := parseRef(p.arg(1)); ok {
		return noEntry(control.SetPatternID(p.ref(), id, p.arg(2)), "key or pattern not found.")
	}
	return noEntry(control.SetPattern(p.ref(), p.arg(1), p.arg(2)), "entry not found.")
}

func deletePattern(p *patternRequest) error {
	if p.arg(0) == "" || p.arg(1) == "" {
		return refuse("This command expects two parameters: %s identifier and key.", p.called())
	}
	if p.version != nil {
		return p.unknownFile()
	}
	var err error
	if id, ok := parseRef(p.arg(1)); ok {
		err = control.DeletePatternID(p.ref(), id)
	} else {
		err = control.DeletePattern(p.ref(), p.arg(1))
	}
	return noEntry(err, "Key not found.")
}

func clearPatterns(p *patternRequest) error {
	if p.arg(0) == "" {
		return p.missingFile()
	}
	return control.ClearPatterns(p.ref(), p.version)
}

func preparePatterns(p *patternRequest) error {
	if p.version != nil {
		return p.unknownFile()
	}
	version, err := control.PreparePatterns(p.ref())
	if err == nil {
		p.done(fmt.Sprintf("New version created: %d", version))
	}
	return err
}

func commitPatterns(p *patternRequest) error {
	switch {
	case p.version == nil:
		return refusal("Missing version number.")
	case p.arg(0) == "":
		return p.missingFile()
	}
	return control.CommitPatterns(p.ref(), *p.version)
}

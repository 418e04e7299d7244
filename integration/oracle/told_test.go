// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// aboutServers matches the lines about the states of servers.
var aboutServers = regexp.MustCompile(`^((Backup )?Server|Health check for|Agent check for|backend \S+ has no server|proxy \S+ has no server)\b`)

// severities holds HAProxy's names of severities, by number.
var severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// note keeps a line about a server, with its severity.
func (j *journal) note(priority, text string) {
	n, _ := strconv.Atoi(priority) // digits
	if aboutServers.MatchString(text) {
		j.notes = append(j.notes, severities[n%8]+" "+text)
	}
}

// noted returns the i-th line about a server, once it is there.
func (j *journal) noted(i int) (text string, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i >= len(j.notes) {
		return "", false
	}
	return j.notes[i], true
}

// quiet is the time for which no line must come for told nothing.
const quiet = 300 * time.Millisecond

// parseTold parses told TEXT, the next line about a server, and told before, which skips lines.
func parseTold(_ testing.TB, _ *scenario, w *words) (action, error) {
	if w.take("before") {
		return func(r *run) outcome {
			for _, ok := r.program.noted(r.told); ok; _, ok = r.program.noted(r.told) {
				r.told++
			}
			return outcome{at: timeless}
		}, nil
	}
	wait := patience
	if slices.Equal(w.rest, []string{"nothing"}) {
		wait = quiet
	}
	return func(r *run) outcome {
		for over := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
			text, ok := r.program.noted(r.told)
			if ok {
				r.told++
				return outcome{what: r.named(text), at: timeless, line: true}
			}
			if time.Now().After(over) {
				return outcome{what: "nothing", at: timeless, line: true}
			}
		}
	}, nil
}

// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// alone, from the environment, makes scenarios run one after the other, without the race detector:
// the timers of both programs then agree closely.
var alone = os.Getenv("ALONE") != ""

// The largest allowed difference between the timers of a line in both programs. Either is late when
// many scenarios run at the same time.
const (
	timerSlack      = 250 * time.Millisecond
	timerSlackAlone = 5 * time.Millisecond
)

// parseLine parses line CLIENT TEXT. The outcome is filled in at the end.
func parseLine(_ testing.TB, s *scenario, w *words) (action, error) {
	name, err := s.client(w)
	if err == nil && len(w.rest) == 0 {
		err = errors.New("expected the text of the line, or none")
	}
	return func(r *run) outcome {
		return r.with(name, func(c *client) outcome {
			c.lined = append(c.lined, r.step)
			return outcome{}
		})
	}, err
}

// lines returns the messages about a client in the words of a script, or none.
func (r *run) lines(c *client) outcome {
	o := outcome{what: "none", at: timeless, line: true}
	if found := r.program.linesOf(c.local); len(found) > 0 {
		o.what = r.named(strings.Join(found, "\n"))
	}
	return o
}

// portNumber matches what may be a port of this machine.
var portNumber = regexp.MustCompile(`\b[1-9]\d{4}\b`)

// named replaces the ports of servers, listeners and clients by their names.
func (r *run) named(text string) string {
	names := make(map[string]string)
	for name, n := range r.ports {
		names[n] = name
	}
	for name, s := range r.servers {
		names[port(s.address)] = name
	}
	for _, c := range r.clients {
		names[strconv.Itoa(int(c.local.Port()))] = c.name
	}
	return portNumber.ReplaceAllStringFunc(text, func(n string) string {
		if name, ok := names[n]; ok {
			return name
		}
		return n
	})
}

// timer matches a timer in a script: a number of milliseconds.
var timer = regexp.MustCompile(`~(\d+)`)

// timersOf compares a line with a script's text, and returns the timers; ok reports whether all
// else agrees. In the text, * is anything without a blank, ** anything, and ~N a timer.
func timersOf(line, text string) (timers []time.Duration, ok bool) {
	pattern := strings.NewReplacer(`\*\*`, `.*`, `\*`, `[^ ]*`).Replace(regexp.QuoteMeta(text))
	pattern = timer.ReplaceAllString(pattern, `(\d+)`)
	m := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(line)
	if m == nil {
		return nil, false
	}
	for _, n := range m[1:] {
		ms, _ := strconv.Atoi(n) // digits
		timers = append(timers, time.Duration(ms)*time.Millisecond)
	}
	return timers, true
}

// missesLine returns the fault of a line, and whether only a timer is wrong.
func (o outcome) missesLine(text string) (fault string, onlyTime bool) {
	timers, ok := timersOf(o.what, text)
	if !ok {
		return "should have been " + text, false
	}
	for i, m := range timer.FindAllStringSubmatch(text, -1) {
		ms, _ := strconv.Atoi(m[1]) // digits
		want := time.Duration(ms) * time.Millisecond
		if timers[i] < want-early || timers[i] > want+slack {
			return fmt.Sprintf("timer %v should have been about %v", timers[i], want), true
		}
	}
	return "", false
}

// differentTimers returns the fault of two lines whose timers are too far apart.
func differentTimers(theirs, ours outcome, text string) string {
	a, known := timersOf(theirs.what, text)
	b, ok := timersOf(ours.what, text)
	if !known || !ok {
		return ""
	}
	limit := timerSlack
	if alone {
		limit = timerSlackAlone
	}
	for i := range a {
		if d := (a[i] - b[i]).Abs(); d > limit {
			return fmt.Sprintf("the timers %v and %v differ by more than %v", a[i], b[i], limit)
		}
	}
	return ""
}

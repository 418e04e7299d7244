// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// overloadAttacks take more of ours than its memory limit allows. HAProxy has no such limit, and
// serves all.
var overloadAttacks = []attack{
	{name: "long hellos that stay unfinished, little memory", config: overloaded(160<<20, ""), run: overloadByHellos},
	{name: "clients in a queue, little memory", config: overloaded(24<<20, " maxconn 2"), run: overloadByQueue},
}

// longHello is the size of the hellos that stay unfinished.
const longHello = 60_000

// overloaded limits the memory of ours, and the server by its options.
func overloaded(limit int, options string) func(s *stage) settings {
	return func(s *stage) settings {
		set := one(s.listen(origin), options)
		set.env = []string{fmt.Sprintf("GOMEMLIMIT=%d", limit)}
		return set
	}
}

// overloadByHellos attacks with hellos whose bytes are more than the process may keep, while others
// are served. It resets some, and waits less for the rest.
func overloadByHellos(s *stage) {
	calm := s.calm()
	c := s.attackers("half", scaled(2000, 500), 64)
	got := s.besides(calm)
	s.must(got.rate() == 100, "legitimate clients: %v", got)
	s.measured("resident memory", "%.0f MB", float64(s.rss())/1e6)
	if o := s.passes("unfinished_hellos", "tight"); s.isOurs() {
		s.must(o.Entered["paused"] == 0, "overload: %+v", o)
		refused := s.refused()["unfinished_hellos"]
		s.measured("attackers that are reset", "%.0f", float64(refused))
		s.must(refused > 0, "no connection was refused")
	}
	c.leave(s)
}

// overloadByQueue attacks with clients that wait for a server, each with a goroutine.
func overloadByQueue(s *stage) {
	c := s.attackers("holds", scaled(6000, 2500), 64)
	s.measured("resident memory", "%.0f MB", float64(s.rss())/1e6)
	if s.isOurs() {
		s.reloadWhilePaused()
	}
	s.passes("memory", "paused")
	c.leave(s)
}

// reloadWhilePaused loads the same configuration again, which does not change the stage.
func (s *stage) reloadWhilePaused() {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "haproxy.cfg"))
	if err != nil {
		s.Fatal(err)
	}
	for began := time.Now(); s.overload().Stage != "paused" && time.Since(began) < patience; {
		time.Sleep(5 * time.Millisecond)
	}
	if !s.reload(string(text)) {
		s.Error("the configuration is refused")
	}
	s.must(!strings.Contains(s.printed(), "no longer watched"), "a reload ended the watch")
}

// messages are the log lines with which stages of overload begin.
var messages = map[string]string{"tight": "overload: shortening", "paused": "overload: pausing accept"}

// passes checks that ours reaches a stage of overload because of a resource and leaves it, as its
// log and its counts report.
func (s *stage) passes(resource, stage string) (o overloadState) {
	s.Helper()
	if !s.isOurs() {
		return o
	}
	began := time.Now()
	for o = s.overload(); (o.Stage != "normal" || o.Entered[stage] == 0) && time.Since(began) < patience; o = s.overload() {
		time.Sleep(20 * time.Millisecond)
	}
	s.measured("normal again after", "%.1f s", time.Since(began).Seconds())
	logged := lines(s.printed(), "overload: ")
	s.Logf("%+v\n%s", o, logged)
	s.must(o.Stage == "normal" && o.Entered["tight"] > 0 && o.Entered[stage] > 0, "overload: %+v", o)
	n := strings.Count(logged, messages[stage])
	s.must(n > 0 && n <= o.Entered[stage], "stage %s: %d log lines, entered %d times", stage, n, o.Entered[stage])
	s.must(strings.Contains(lines(logged, messages[stage]), `"resource":"`+resource+`"`), "it is not because of %s", resource)
	s.must(strings.Contains(logged, "overload: over"), "the end is not logged")
	return o
}

// overloadState is the overload at the admin endpoint.
type overloadState struct {
	Stage     string
	Entered   map[string]int
	Resources map[string]struct{ Used, Limit int64 }
}

func (s *stage) overload() (o overloadState) {
	s.Helper()
	_, text := s.ask(http.MethodGet, "/passthrough/overload", "")
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		s.Fatalf("%v in %s", err, text)
	}
	return o
}

// lines returns the lines of a text that have a word.
func lines(text, word string) string {
	var found strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found.WriteString(line)
		}
	}
	return found.String()
}

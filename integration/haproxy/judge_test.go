// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"slices"
	"testing"
)

// The errors about lines are found in the output of both programs, and no others.
func TestProblems(t *testing.T) {
	const (
		byHAProxy = `[NOTICE]   (7) : haproxy version is 2.6.12
[WARNING]  (7) : config : parsing [a.cfg:1] : 'cookie' ignored
[ALERT]    (7) : config : parsing [a.cfg:2] : unknown keyword 'x'
[ALERT]    (7) : config : parsing [a.cfg:3]: unmatched quote
  bind "x
[ALERT]    (7) : config : [a.cfg:4] : 'server b/s' : unknown keyword
[ALERT]    (7) : config : Parsing [a.cfg:50]: failed to parse [b.cfg:6]
[ALERT]    (7) : config : parsing [b.cfg:7] : of another file
[ALERT]    (7) : config : Proxy 'f': unable to find required use_backend: 'nope'.
`
		byUs = `[WARNING] a.cfg:1: 'cookie' is ignored
[ALERT]   a.cfg:2: unknown keyword 'x'
[ALERT]   a.cfg:3: 'b.cfg:6: ' unknown
[ALERT]   b.cfg:7: of another file
[ALERT]   errors found in the configuration
`
	)
	lines := func(found []problem) (lines []int) {
		for _, p := range found {
			lines = append(lines, p.line)
		}
		return lines
	}
	if got, want := lines(problems(inHAProxy, byHAProxy, "a.cfg")), []int{2, 3, 4, 50}; !slices.Equal(got, want) {
		t.Errorf("in HAProxy's words: %v, want %v", got, want)
	}
	found := problems(inOurs, byUs, "a.cfg")
	if got, want := lines(found), []int{2, 3}; !slices.Equal(got, want) {
		t.Errorf("in ours: %v, want %v", got, want)
	}
	if !says(found, 2, "keyword 'x'") || says(found, 3, "keyword 'x'") || says(found, 2, "cookie") {
		t.Errorf("errors by line: %+v", found)
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		version, last string
		want          bool
	}{
		{"2.6", "", false},
		{"2.6", "3.4", false},
		{"3.4", "3.4", false},
		{"3.5", "3.4", true},
		{"3.10", "3.4", true},
		{"3.4", "3.10", false},
		{"4.0", "3.4", true},
		{"2.9", "3.4", false},
	} {
		if got := newer(c.version, c.last); got != c.want {
			t.Errorf("%s after %q: %v", c.version, c.last, got)
		}
	}
}

func TestVerdictString(t *testing.T) {
	for want, v := range map[string]verdict{"accept": {accepted: true}, "refuse": {}, "refuse:12": {line: 12}} {
		if v.String() != want {
			t.Errorf("%q, want %q", v, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// twoBackends is a configuration for scenarios about the rig.
const twoBackends = `What is wrong with it is the script.
-- haproxy.cfg --
frontend tls
    bind "127.0.0.1:${tls}"
    tcp-request inspect-delay 1s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend a if { req.ssl_sni a.example }
    default_backend b
backend a
    server A "127.0.0.1:${A}"
backend b
    server B "127.0.0.1:${B}"
-- servers --
A greets
B greets, awaits-fin, resets
-- script --
`

// inline returns a scenario written in a test.
func inline(t *testing.T, text string) (*scenario, error) {
	t.Helper()
	defaults, err := os.ReadFile(filepath.Join(folder, "defaults.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	return parseScenario(t, "inline", string(defaults), []byte(text))
}

// A failed expectation is reported, each time for the right reason, and with the actions of both
// programs.
func TestWrongExpectations(t *testing.T) {
	judge, ours := findHAProxy(t), findOurs(t)
	const (
		hello   = "connect c tls\nsend c hello a.example\n"
		records = "connect c tls\nsend c hello a.example records 60\n"
		listed  = ` for "ClientHello over several TLS records"` + "\n"
	)
	for name, c := range map[string]struct {
		script string
		faults []string
	}{
		"the server":              {hello + "expect c B", []string{"HAProxy " + judge.version.String() + " should have been B", "here should have been B", "A after"}},
		"the end":                 {hello + "expect c closed", []string{"here should have been closed"}},
		"nothing":                 {hello + "wait 500ms\nexpect c nothing", []string{"here should have been nothing"}},
		"something":               {"connect c tls\nexpect c B\nexpect c B", []string{"here should have been B", "nothing"}},
		"too early":               {hello + "expect c A after 2s", []string{"here came too early"}},
		"too late":                {"connect c tls\nexpect c B", []string{"here came too late"}},
		"the log":                 {hello + "expect c A\nclose c\nlog c tls a/A SD", []string{"here should have been tls a/A SD"}},
		"the letters":             {"connect c tls\nexpect c B after 1s\nclose c\nlog c tls b/B --", []string{"here should have been tls b/B --", "tls b/B SD"}},
		"one of many":             {"visit tls 3 times send hello a.example expect A B A", []string{"here should have been A B A"}},
		"they differ":             {"visit tls 1 time send hello a.example records 60", []string{"not the same"}},
		"their logs differ":       {records + "wait 500ms", []string{"log of c", "what it says"}},
		"an unlisted difference":  {records + "expect c B", []string{"here should have been B"}},
		"a difference, the other": {records + "expect c A\nhere A" + listed, []string{"should have been A"}},
		"a difference that ended": {hello + "expect c A\nhere B" + listed, []string{"here should have been B"}},
		"an older version":        {hello + "expect c A\nbefore 9.0 B for \"the test\"", []string{"HAProxy " + judge.version.String() + " should have been B"}},
		"a step that fails":       {"connect c tls from 192.0.2.1", []string{"<-- failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := inline(t, twoBackends+c.script)
			if err != nil {
				t.Fatal(err)
			}
			if wrong := unreported(s, judge, ours, c.faults); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// unreported returns the faults that the report of a scenario does not mention. On a busy machine
// others may come first, so it tries several times.
func unreported(s *scenario, judge *haproxy, ours program, faults []string) (wrong string) {
	slots <- struct{}{}
	defer func() { <-slots }()
	for range again {
		r := compare(s, judge, ours)
		told := r.String()
		wrong = ""
		if r.ok() {
			wrong = "nothing is reported:\n" + told
		}
		for _, f := range faults {
			if !strings.Contains(told, f) {
				wrong += fmt.Sprintf("no word of %q:\n%s", f, told)
			}
		}
		if wrong == "" {
			break
		}
	}
	return wrong
}

// brokenBuilds are changes of a source file, each with a scenario that it breaks and the expected
// report.
var brokenBuilds = map[string]struct {
	file, old, new string
	flags          []string
	scenario       string
	faults         []string
}{
	"a rule inverted": {
		"modules/frontend/router.go", "verdict == sample.Pass", "verdict != sample.Pass", nil,
		"inspection/two-segments",
		[]string{"here should have been A", "B after"},
	},
	"a rule inverted, general path": {
		"modules/frontend/router.go", "verdict == sample.Pass", "verdict != sample.Pass", generalWay,
		"inspection/two-segments",
		[]string{"here should have been A", "B after"},
	},
	"no delay": {
		"modules/frontend/rules.go", ".Add(c.input.delay)", "", nil,
		"inspection/silence",
		[]string{"here came too early"},
	},
	"no delay, general path": {
		"modules/frontend/rules.go", ".Add(c.input.delay)", "", generalWay,
		"inspection/silence",
		[]string{"here came too early"},
	},
	"no pause before a retry": {
		"modules/balancer/attempts.go", "maxPause = time.Second", "maxPause = 0 * time.Second", nil,
		"servers/dead",
		[]string{"here came too early"},
	},
	"the hello is lost": {
		"modules/frontend/shard_linux.go", "First: k.first", "First: make([]byte, len(k.first))", nil,
		"inspection/two-segments",
		[]string{"sent 1505 bytes, A got 1505, not the same"},
	},
	"the hello is lost, general path": {
		"modules/frontend/dial.go", "relay.Dial(d.at, o, hello)", "relay.Dial(d.at, o, make([]byte, len(hello)))", generalWay,
		"inspection/two-segments",
		[]string{"sent 1505 bytes, A got 1505, not the same"},
	},
	"the letters are wrong": {
		"modules/tcplog/end.go", `{"SC", "connect_failed"}`, `{"SD", "connect_failed"}`, nil,
		"servers/dead",
		[]string{"here should have been tls b/A SC 2"},
	},
}

// TestBrokenBuilds shows that the scenarios detect a fault in a program, in whichever of the two
// ways it serves connections.
func TestBrokenBuilds(t *testing.T) {
	judge := findHAProxy(t)
	for name, c := range brokenBuilds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := programs.Caddy{Flags: append(changed(t, c.file, c.old, c.new), c.flags...)}
			t.Cleanup(broken.Remove)
			if wrong := unreported(readScenario(t, folder, c.scenario), judge, &caddy{path: broken.Path(t), branch: judge.version.String()}, c.faults); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// TestBrokenBuildsApply needs neither HAProxy nor a build: it is quick after a rename.
func TestBrokenBuildsApply(t *testing.T) {
	for _, c := range brokenBuilds {
		changed(t, c.file, c.old, c.new)
	}
}

// changed returns the flags of a build with a replacement in a source file.
func changed(t *testing.T, file, old, by string) []string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../..", file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), old); n != 1 {
		t.Fatalf("%s has %q %d times", file, old, n)
	}
	return programs.Overlay(t, map[string]string{path: strings.Replace(string(text), old, by, 1)})
}

// A mistake in a scenario is reported with its line.
func TestMistakesInScenarios(t *testing.T) {
	for script, want := range map[string]string{
		"connect":                      "line 17: connect: haproxy.cfg has no ${}",
		"# a comment\nconnect c https": "line 18: connect c https: haproxy.cfg has no ${https}",
		"conect c tls":                 `unknown step "conect"`,
		"connect c tls by 127.0.0.2":   "expected the end of the line, or expect and what follows",
		"wait 5":                       "missing unit",
		"close d":                      "no connection d",
		"connect c tls\nexpect d A":    "no connection d",
		"send c hello a.example":       "no connection c",
		"hold c tls 2 times\nclose c3": "no connection c3",
		"connect c tls\nsend c hallo":  "expected hello, text, hex, or a number and bytes",
		"connect c tls\nsend c hello a.example bytes 0 to 9":     "expected bytes M to N",
		"connect c tls\nsend c hello a.example of netscape":      `unknown browser "netscape"`,
		"connect c tls\nsend c hello a.example bytes 1 to 99999": "bytes 1 to 99999 of",
		"connect c tls\nsend c hex 0g":                           "invalid byte",
		"visit tls many times":                                   `expected a number from 1, not "many"`,
		"visit tls 3":                                            "expected times",
		"connect c tls\nexpect c":                                "expected an outcome",
		"connect c tls\nexpect c A after soon":                   "invalid duration",
		"server C greets":                                        "no server C",
		"server A dances":                                        `unknown behaviour "dances"`,
		"kill C":                                                 "no server C",
		"set A weight 3":                                         "expected BACKEND/SERVER",
		"set a/A colour":                                         `expected weight, disabled, enabled, state or health, not "colour"`,
		"here A for \"x\"":                                       "expected a step with an expectation before it",
		"wait 1s\nhere A for \"x\"":                              "expected a step with an expectation before it",
		"connect c tls\nexpect c A\nhere B":                      "expected an outcome, for and a reason",
		"connect c tls\nexpect c A\nhere B for \"we want it\"":   `docs/haproxy.md does not list "we want it"`,
		"connect c tls\nexpect c A\nbefore x B for \"it\"":       "expected a version such as 2.8",
		"connect c tls\n" + `send c text "abc`:                   "line 18: unmatched quote",
		"":                                                       "expected haproxy.cfg, servers and script",
	} {
		_, err := inline(t, twoBackends+script)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
	if _, err := inline(t, strings.Replace(twoBackends, "What is wrong with it is the script.", "", 1)+"wait 1s"); err == nil {
		t.Error("a scenario without a description was accepted")
	}
}

// The README has every word, and its example is a scenario.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Collect(maps.Keys(verbs))
	words = slices.AppendSeq(words, maps.Keys(acts))
	words = append(words, "refuses", "drops", "silent", "waits", "says", "says-hex", "handshakes", "answers", "awaits")
	for _, word := range words {
		if !regexp.MustCompile("(?m)^\\|.*`" + word + "\\b.*\\|").Match(text) {
			t.Errorf("README.md does not mention %q", word)
		}
	}
	_, example, _ := strings.Cut(string(text), "```\nA client")
	example, _, _ = strings.Cut(example, "```")
	s, err := inline(t, "A client"+example)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.steps) != 4 || len(s.servers) != 2 {
		t.Errorf("the example has %d steps and %d servers", len(s.steps), len(s.servers))
	}
}

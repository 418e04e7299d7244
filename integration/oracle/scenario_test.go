// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// scenario is a file in the folder.
type scenario struct {
	name     string
	config   string            // haproxy.cfg, after the defaults unless it was found
	defaults string            // the text of defaults.cfg
	since    version           // of HAProxy: older ones lack its keywords
	before   version           // of HAProxy: this and newer ones do something else; zero: none does
	files    map[string]string // files that it names
	ports    []string          // port variables in it that no server has
	dns      []dnsReply        // what the DNS server says at first
	servers  map[string]behaviour
	steps    []*step
	hellos   map[string][]byte // by the words of their requests
	clients  map[string]bool   // that connect
	asked    map[string]bool   // HTTP requests
	refused  []string          // the words that a found file is refused for

	runsWithoutHTTP bool // refused, except with --skip-http

	followed bool // the script asks for the states of servers
}

// step is a line of the script.
type step struct {
	line int
	text string
	of   string // the client that it is about; empty: none or several
	do   action
	want *expectation // nil: only that both programs do the same
	here *variant     // for ours
	old  *variant     // for HAProxy before a version
}

// action acts in a run and returns the outcome.
type action func(*run) outcome

// expectation is the outcome that must be observed.
type expectation struct {
	what  string
	after time.Duration // since the client connected; -1: when it is asked for, or earlier

	within time.Duration // after that; 0: at once
}

// variant is another expectation for one of the programs, and the reason.
type variant struct {
	expectation
	before version // of HAProxy
	reason string
}

// scenarioNames returns the names of the files below dir, without ".txt".
func scenarioNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.ToSlash(path), ".txt"); ok {
			names = append(names, strings.TrimPrefix(name, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func readScenario(t *testing.T, dir, name string) *scenario {
	t.Helper()
	file := filepath.Join(dir, name+".txt")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := os.ReadFile(filepath.Join(folder, "defaults.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseScenario(t, name, string(defaults), text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

// variable matches a port in haproxy.cfg.
var variable = regexp.MustCompile(`\$\{(\w+)\}`)

func parseScenario(t testing.TB, name, defaults string, text []byte) (*scenario, error) {
	archive := txtar.Parse(text)
	s := &scenario{name: name, files: make(map[string]string), servers: make(map[string]behaviour), hellos: make(map[string][]byte), clients: make(map[string]bool), asked: make(map[string]bool)}
	if strings.TrimSpace(string(archive.Comment)) == "" {
		return nil, errors.New("expected a few words about it before haproxy.cfg")
	}
	lines := 1 + strings.Count(string(archive.Comment), "\n")
	for _, f := range archive.Files {
		lines++
		var err error
		switch data := string(f.Data); f.Name {
		case "haproxy.cfg":
			s.config = data
		case "dns":
			err = s.readLines(data, lines, s.addReply)
		case "servers":
			err = s.readLines(data, lines, s.addServer)
		case "script":
			err = s.readLines(data, lines, func(l scriptLine) error { return s.addStep(t, l) })
		case "refused", "refused without --skip-http":
			s.runsWithoutHTTP = f.Name != "refused"
			err = s.readLines(data, lines, s.addRefused)
		default:
			if since, ok := strings.CutPrefix(f.Name, "since "); ok {
				s.since, err = parseVersion(since)
			} else if before, ok := strings.CutPrefix(f.Name, "before "); ok {
				s.before, err = parseVersion(before)
			} else {
				s.files[f.Name] = data
			}
		}
		if err != nil {
			return nil, err
		}
		lines += strings.Count(string(f.Data), "\n")
	}
	if s.config == "" || len(s.steps) == 0 && len(s.refused) == 0 {
		return nil, errors.New("expected haproxy.cfg, servers and script")
	}
	for _, m := range variable.FindAllStringSubmatch(s.config, -1) {
		if _, taken := s.servers[m[1]]; !taken && !slices.Contains(s.ports, m[1]) {
			s.ports = append(s.ports, m[1])
		}
	}
	if strings.HasPrefix(name, found) {
		s.defaults = defaults
	} else {
		s.config = defaults + s.config
	}
	return s, nil
}

// scriptLine is a line, split into words.
type scriptLine struct {
	number int
	text   string
	words
}

// readLines splits a part of the file, which begins at a line, into words: they are written as in
// haproxy.cfg.
func (s *scenario) readLines(data string, first int, take func(scriptLine) error) error {
	written := strings.Split(data, "\n")
	sections, problems := haproxyfile.Read(
		[]haproxyfile.Source{{Text: []byte("script\n" + data)}},
		haproxyfile.Options{IsSection: func(word string) bool { return word == "script" }},
	)
	if len(problems) > 0 {
		return fmt.Errorf("line %d: %s", first+problems[0].Line-2, problems[0].Message)
	}
	for _, l := range sections[0].Lines {
		line := scriptLine{first + l.Line - 2, strings.TrimRight(written[l.Line-2], " "), words{rest: l.Words}}
		if err := take(line); err != nil {
			return fmt.Errorf("line %d: %s: %w", line.number, strings.TrimSpace(line.text), err)
		}
	}
	return nil
}

func (s *scenario) addServer(l scriptLine) error {
	name := l.next()
	b, err := parseBehaviour(l.rest)
	if _, twice := s.servers[name]; twice {
		return fmt.Errorf("duplicate server %s", name)
	}
	s.servers[name] = b
	return err
}

func (s *scenario) addStep(t testing.TB, l scriptLine) error {
	verb := l.next()
	if verb == "here" || verb == "before" {
		return s.addVariant(verb, l)
	}
	parse, known := verbs[verb]
	if !known {
		return fmt.Errorf("unknown step %q", verb)
	}
	st := &step{line: l.number, text: l.text}
	if (verb == "expect" || verb == "line") && len(l.rest) > 0 {
		st.of = l.rest[0]
	}
	s.steps = append(s.steps, st)
	var err error
	if st.do, err = parse(t, s, &l.words); err != nil {
		return err
	}
	if len(l.rest) == 0 {
		return nil
	}
	if verb != "expect" && verb != "log" && verb != "line" && verb != "told" && verb != "counts" && l.next() != "expect" {
		return fmt.Errorf("expected the end of the line, or expect and what follows, before %q", l.rest)
	}
	want, err := parseExpectation(l.rest)
	st.want = &want
	return err
}

// addVariant adds another expectation for one of the programs to the step before it.
func (s *scenario) addVariant(verb string, l scriptLine) error {
	if len(s.steps) == 0 || s.steps[len(s.steps)-1].want == nil {
		return errors.New("expected a step with an expectation before it")
	}
	var (
		v  variant
		st = s.steps[len(s.steps)-1]
	)
	if verb == "before" {
		var err error
		if v.before, err = parseVersion(l.next()); err != nil {
			return err
		}
	}
	n := len(l.rest)
	if n < 3 || l.rest[n-2] != "for" {
		return errors.New(`expected an outcome, for and a reason in quotes`)
	}
	v.reason = l.rest[n-1]
	var err error
	v.expectation, err = parseExpectation(l.rest[:n-2])
	if verb == "here" {
		st.here = &v
		return errors.Join(err, differs(v.reason))
	}
	st.old = &v
	return err
}

func parseExpectation(list []string) (expectation, error) {
	e := expectation{after: -1}
	for word, to := range map[string]*time.Duration{"after": &e.after, "within": &e.within} {
		if n := len(list); n > 2 && list[n-2] == word {
			d, err := time.ParseDuration(list[n-1])
			if err != nil {
				return e, err
			}
			*to, list = d, list[:n-2]
		}
	}
	if len(list) == 0 {
		return e, errors.New("expected an outcome")
	}
	e.what = strings.Join(list, " ")
	return e, nil
}

// differs returns an error if docs/haproxy.md does not list a difference.
func differs(what string) error {
	text, err := os.ReadFile("../../docs/haproxy.md")
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), "\n| "+what+" |") {
		return fmt.Errorf("docs/haproxy.md does not list %q in the table \"What differs\"", what)
	}
	return nil
}

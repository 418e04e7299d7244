// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxycfg"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// wrong is a wrong line in a configuration that is valid without it.
type wrong struct {
	name  string
	place func(text string) (config string, line int)
	text  string // the wrong line, and the lines around it that it needs
	says  string // HAProxy's message, without the parts that differ between versions
	ours  string // our program's message, if it differs

	below  int  // number of lines of text above the wrong one
	noLine bool // HAProxy detects it at the end, and names no line
}

// first returns a configuration with text between two parts, and the line number of the text.
func first(above, text, below string) (config string, line int) {
	return above + text + "\n" + below, strings.Count(above, "\n") + 1
}

const (
	globalPart = "global\n    nbthread 1\n"

	defaultsPart = `defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
`
	frontendPart = `frontend in
    bind 127.0.0.1:8443
    default_backend web
`
	backendPart = `backend web
    server s1 192.0.2.11:443
`
)

// Wrong lines are inserted at the end of the sections of one configuration. A new section follows
// all others.
func inGlobal(text string) (string, int) {
	return first(globalPart, text, defaultsPart+frontendPart+backendPart)
}

func inDefaults(text string) (string, int) {
	return first(globalPart+defaultsPart, text, frontendPart+backendPart)
}

func inFrontend(text string) (string, int) {
	return first(globalPart+defaultsPart+frontendPart, text, backendPart)
}

func inBackend(text string) (string, int) {
	return first(globalPart+defaultsPart+frontendPart+backendPart, text, "")
}

func inListen(text string) (string, int) {
	return first(globalPart+defaultsPart+"listen web\n    bind 127.0.0.1:8443\n    server s1 192.0.2.11:443\n", text, "")
}

func atTheEnd(text string) (string, int) { return inBackend(text) }

func atTheBeginning(text string) (string, int) {
	return first("", text, globalPart+defaultsPart+frontendPart+backendPart)
}

// wrongLines returns the tables of wrong lines.
func wrongLines() []wrong {
	return slices.Concat(wrongProcess, wrongProxies, wrongBinds, wrongRouting, wrongACLs, wrongRules, wrongServers, wrongChecks, wrongSections, wrongText)
}

// The configuration is valid without a wrong line.
func TestConfigurationWithoutWrongLine(t *testing.T) {
	dir := t.TempDir()
	for name, place := range map[string]func(string) (string, int){
		"global": inGlobal, "defaults": inDefaults, "frontend": inFrontend, "backend": inBackend, "listen": inListen, "beginning": atTheBeginning,
	} {
		config, _ := place("# nothing")
		write(t, dir, name+".cfg", config)
		t.Run(name, func(t *testing.T) {
			t.Run("haproxy", func(t *testing.T) {
				if v, said := judge(t, dir, name+".cfg"); !v.accepted {
					t.Error(said.stderr)
				}
			})
			t.Run("caddy", func(t *testing.T) {
				if accepted, _, said := check(t, dir, name+".cfg"); !accepted {
					t.Error(said.stderr)
				}
			})
		})
	}
}

// HAProxy and our program refuse each wrong line, and name the same line and the same fault.
func TestErrors(t *testing.T) {
	table := wrongLines()
	if len(table) < 90 {
		t.Errorf("only %d wrong lines", len(table))
	}
	seen := make(map[string]bool)
	for _, w := range table {
		if seen[w.name] {
			t.Errorf("two wrong lines are called %q", w.name)
		}
		seen[w.name] = true
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			config, line := w.place(indent(w.text))
			write(t, dir, "haproxy.cfg", config)
			write(t, dir, "names.lst", "www.example.test\n")
			line += w.below
			t.Run("haproxy", func(t *testing.T) { saidByHAProxy(t, dir, w, line) })
			t.Run("caddy", func(t *testing.T) { saidByUs(t, dir, w, line) })
		})
	}
}

// indent indents the lines of a section below its header.
func indent(text string) string {
	lines := strings.Split(text, "\n")
	if len(lines) == 1 {
		return "    " + text
	}
	return text
}

func saidByHAProxy(t *testing.T, dir string, w wrong, line int) {
	v, said := judge(t, dir, "haproxy.cfg")
	if v.accepted {
		t.Fatalf("HAProxy accepts the line:\n%s", said.stderr)
	}
	if w.noLine {
		if !strings.Contains(said.stderr, w.says) {
			t.Errorf("no error %q of HAProxy:\n%s", w.says, said.stderr)
		}
		return
	}
	if found := problems(inHAProxy, said.stderr, "haproxy.cfg"); !says(found, line, w.says) {
		t.Errorf("no error %q of HAProxy at line %d:\n%s", w.says, line, said.stderr)
	}
}

func saidByUs(t *testing.T, dir string, w wrong, line int) {
	want := w.says
	if w.ours != "" {
		want = w.ours
	}
	text, err := os.ReadFile(filepath.Join(dir, "haproxy.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	r := haproxycfg.Translate([]haproxyfile.Source{{Name: filepath.Join(dir, "haproxy.cfg"), Text: text}}, haproxycfg.Options{})
	var found []problem
	for _, p := range r.Problems {
		if p.Severity == haproxyfile.Error {
			found = append(found, problem{line: p.Line, message: strings.ReplaceAll(p.Message, dir+"/", "")})
		}
	}
	switch {
	case !r.Failed:
		t.Errorf("accepted: %v", r.Problems)
	case !says(found, line, want):
		t.Errorf("no error at line %d with %q\n%v", line, want, found)
	}
}

func says(found []problem, line int, text string) bool {
	return slices.ContainsFunc(found, func(p problem) bool { return p.line == line && strings.Contains(p.message, text) })
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

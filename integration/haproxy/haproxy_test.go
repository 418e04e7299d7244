// SPDX-License-Identifier: Apache-2.0

// Package haproxy_test compares the translation of haproxy.cfg files with the real HAProxy: the
// files of testdata, which the built program must accept or refuse as haproxy -c does, and the
// messages for wrong lines. HAProxy's verdicts are also recorded, so that most of the tests work on
// a machine without it.
package haproxy_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

var update = flag.Bool("update", false, "write the recorded verdicts and the golden files anew")

// patience bounds the run of a program.
const patience = time.Minute

// program is cmd/caddy, built once per test run. The translation starts no goroutines, so the race
// detector would find nothing and cost a lot.
var program programs.Caddy

func TestMain(m *testing.M) {
	code := m.Run()
	program.Remove()
	os.Exit(code)
}

// branch returns the version of the real HAProxy, such as 2.6.
var branch = sync.OnceValues(func() (string, error) { return programs.Branch("haproxy") })

func branchOf(t *testing.T) string {
	t.Helper()
	programs.Need(t, "haproxy")
	b, err := branch()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answer is a program's answer about a configuration.
type answer struct {
	code   int // exit code
	stdout string
	stderr string
}

// command runs a program in dir, with another directory for its state.
func command(t *testing.T, dir, name string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	home := t.TempDir()
	var out, messages bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &messages
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	err := cmd.Run()
	a := answer{cmd.ProcessState.ExitCode(), out.String(), messages.String()}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited || a.code < 0 {
		t.Fatalf("running %s %s: %v\n%s", name, strings.Join(args, " "), err, a.stderr)
	}
	return a
}

// verdict reports whether a configuration is accepted and, if not, the line of the first error that
// has one.
type verdict struct {
	accepted bool
	line     int
}

func (v verdict) String() string {
	switch {
	case v.accepted:
		return "accept"
	case v.line == 0:
		return "refuse"
	default:
		return fmt.Sprintf("refuse:%d", v.line)
	}
}

// problem is an error of a program about a line of a file.
type problem struct {
	line    int
	message string
}

// inHAProxy and inOurs match the place and the message of an error in the programs' output. Other
// message lines are errors about the whole file.
var (
	inHAProxy = regexp.MustCompile(`(?m)^\[ALERT\][^\[\n]*\[([^\]:]+):(\d+)\](.*)$`)
	inOurs    = regexp.MustCompile(`(?m)^\[ALERT\]\s+([^\s:]+):(\d+): (.*)$`)
)

// problems returns the errors about lines of the file in a program's output.
func problems(form *regexp.Regexp, printed, file string) (found []problem) {
	for _, m := range form.FindAllStringSubmatch(printed, -1) {
		if line, err := strconv.Atoi(m[2]); err == nil && m[1] == file {
			found = append(found, problem{line, m[3]})
		}
	}
	return found
}

// judge returns the real HAProxy's verdict on a file.
func judge(t *testing.T, dir, file string) (verdict, answer) {
	t.Helper()
	a := command(t, dir, programs.Need(t, "haproxy"), "-c", "-f", file)
	switch a.code {
	case 0:
		return verdict{accepted: true}, a
	case 1:
	default:
		t.Fatalf("haproxy -c ended with %d:\n%s%s", a.code, a.stdout, a.stderr)
	}
	if found := problems(inHAProxy, a.stderr, file); len(found) > 0 {
		return verdict{line: found[0].line}, a
	}
	return verdict{}, a
}

// check returns whether our program accepts a file, and the errors about its lines.
func check(t *testing.T, dir, file string) (accepted bool, found []problem, a answer) {
	t.Helper()
	a = command(t, dir, program.Path(t), "haproxy-check", "-f", file)
	if a.code != 0 && a.code != 1 || strings.Contains(a.stderr, "panic") || strings.Contains(a.stderr, "unknown command") {
		t.Fatalf("caddy haproxy-check ended with %d:\n%s", a.code, a.stderr)
	}
	return a.code == 0, problems(inOurs, a.stderr, file), a
}

// configurations returns the names of the *.cfg files in a directory.
func configurations(t *testing.T, dir string, atLeast int) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	if len(names) < atLeast {
		t.Fatalf("%s has %d configurations, expected %d at least", dir, len(names), atLeast)
	}
	return names
}

// comment returns the n-th line of a file without the # that must begin it.
func comment(t *testing.T, file string, n int) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(text), "\n", n+1)
	if len(lines) < n {
		return ""
	}
	about, _ := strings.CutPrefix(lines[n-1], "# ")
	if about == lines[n-1] {
		return ""
	}
	return strings.TrimSpace(about)
}

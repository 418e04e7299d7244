// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	agree        = "testdata/agree"
	verdictsFile = agree + "/verdicts.txt"
	verdictsHead = "# What HAProxy 2.6 says of each file, and the line of its first error that has one.\n# go test -run TestVerdicts -update writes it.\n"
)

// Every file of testdata/agree says in its first line what it is about, and, if HAProxy refuses it,
// names the fault in its second.
func TestAgreeFilesHaveHeaders(t *testing.T) {
	recorded := readVerdicts(t)
	for _, name := range configurations(t, agree, 130) {
		file := filepath.Join(agree, name)
		if about := comment(t, file, 1); len(about) < 10 {
			t.Errorf("%s: its first line does not say what it is about: %q", name, about)
		}
		reason := header(t, file, 2, "wrong")
		isWrong := reason != ""
		if isWrong == recorded[name].accepted || isWrong != strings.HasPrefix(name, "wrong-") {
			t.Errorf("%s: its second line says what is wrong (%q), or its name does, but it is recorded as %q", name, reason, recorded[name])
		}
	}
}

// The recorded verdicts are those of the real HAProxy. Another version than the recorded one may
// name another line.
func TestVerdicts(t *testing.T) {
	version := branchOf(t)
	recorded := readVerdicts(t)
	var (
		mu     sync.Mutex
		spoken = make(map[string]verdict)
	)
	names := configurations(t, agree, 130)
	t.Run("files", func(t *testing.T) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				v, said := judge(t, agree, name)
				mu.Lock()
				spoken[name] = v
				mu.Unlock()
				want, ok := recorded[name]
				switch {
				case *update:
				case !ok:
					t.Error("no recorded verdict: go test -run TestVerdicts -update writes it")
				case v.accepted != want.accepted || version == "2.6" && v != want:
					t.Errorf("HAProxy %s says %q, but %q is recorded:\n%s", version, v, want, said.stderr)
				}
			})
		}
	})
	for name := range recorded {
		if !slices.Contains(names, name) && !*update {
			t.Errorf("%s: recorded verdict without a file", name)
		}
	}
	if *update && !t.Failed() {
		writeVerdicts(t, spoken)
	}
}

// Our program accepts what HAProxy accepts, and Caddy accepts the result. It refuses what HAProxy
// refuses, for a reason on the same line.
func TestAgree(t *testing.T) {
	program.Path(t) // reports a failed build once
	recorded := readVerdicts(t)
	names := configurations(t, agree, 130)
	accepted := 0
	for _, v := range recorded {
		if v.accepted {
			accepted++
		}
	}
	t.Cleanup(func() {
		t.Logf("%d files: %d accepted, %d refused", len(names), accepted, len(names)-accepted)
	})
	if least := len(names) / 3; accepted < least || len(names)-accepted < least {
		t.Errorf("of %d files %d are accepted: expected about half", len(names), accepted)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agrees(t, name, recorded[name])
		})
	}
}

func agrees(t *testing.T, name string, want verdict) {
	accepted, found, said := check(t, agree, name)
	loads(t, agree, name, accepted)
	switch {
	case accepted != want.accepted:
		t.Errorf("HAProxy: %s; here it ended with %d:\n%s", want, said.code, said.stderr)
	case accepted:
	case want.line != 0:
		if !slices.ContainsFunc(found, func(p problem) bool { return p.line == want.line }) {
			t.Errorf("no error about line %d:\n%s", want.line, said.stderr)
		}
	case len(found) == 0:
		t.Errorf("no error has a line:\n%s", said.stderr)
	}
}

// loads checks that caddy adapt --validate, and thereby caddy run, agrees with caddy haproxy-check.
func loads(t *testing.T, dir, name string, accepted bool) {
	t.Helper()
	a := command(t, dir, program.Path(t), "adapt", "--validate", "--adapter", "haproxy", "--config", name)
	if (a.code == 0) != accepted {
		t.Errorf("haproxy-check accepts it: %v; caddy adapt --validate ended with %d:\n%s", accepted, a.code, a.stderr)
	}
}

// readVerdicts reads the table of lines such as "accept a.cfg" and "refuse:12 b.cfg".
func readVerdicts(t *testing.T) map[string]verdict {
	t.Helper()
	text, err := os.ReadFile(verdictsFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	recorded := make(map[string]verdict)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		said, name, ok := strings.Cut(line, " ")
		word, number, hasLine := strings.Cut(said, ":")
		v := verdict{accepted: word == "accept"}
		if hasLine {
			v.line, err = strconv.Atoi(number)
			ok = ok && err == nil
		}
		if !ok || v.String() != said || recorded[name] != (verdict{}) {
			t.Fatalf("%s: %q: expected a verdict and a file that no other line has", verdictsFile, line)
		}
		recorded[name] = v
	}
	return recorded
}

func writeVerdicts(t *testing.T, verdicts map[string]verdict) {
	t.Helper()
	var b strings.Builder
	b.WriteString(verdictsHead)
	for _, name := range slices.Sorted(maps.Keys(verdicts)) {
		fmt.Fprintf(&b, "%s %s\n", verdicts[name], name)
	}
	if err := os.WriteFile(verdictsFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/haproxy.md")

func TestDocument(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "haproxy.md")
	want := Document()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the tables say (go test ./modules/haproxycfg -update writes it): -want +got\n%s", file, diff)
	}
}

// A refused keyword, or one that differs, must have a reason in the documentation.
func TestEveryGradeHasItsReason(t *testing.T) {
	check := func(name string, g grade, note string) {
		if note == "" && (g == refused || g == differs || g == pending || g == ignored) {
			t.Errorf("%s (%s) has no note", name, gradeNames[g])
		}
	}
	for _, tab := range []table{globalKeywords, proxyKeywords} {
		for name, k := range tab {
			check(name, k.grade, k.note)
			if k.in == 0 {
				t.Errorf("%s may stand nowhere", name)
			}
		}
	}
	for name, k := range tcpActions {
		check(name, k.grade, k.note)
		if (k.grade == supported || k.grade == differs) != (actionNames[name] != "") {
			t.Errorf("action %s (%s) is %q", name, gradeNames[k.grade], actionNames[name])
		}
	}
	for name, k := range balanceAlgorithms {
		check(name, k.grade, k.note)
	}
	for name, o := range bindOptions {
		check(name, o.grade, o.note)
	}
	for name, k := range serverKeywords {
		check(name, k.grade, k.note)
	}
}

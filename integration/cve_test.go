// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// lessonTest matches tests named for a flaw elsewhere, and lesson matches the beginning of the
	// flaw's row in the table.
	lessonTest = regexp.MustCompile(`^Test(CVE|HAProxy)_`)
	lesson     = regexp.MustCompile("^(CVE-[0-9-]+|`[0-9a-f]{9}`)$")
	// tested matches an entry in the table's last column.
	tested = regexp.MustCompile("`(Test\\w+)` \\(([\\w/]+)\\)")
)

// The table in docs/security.md lists each test named for a CVE or a commit once, with its
// directory, in the row of that CVE or commit, and no others.
func TestSecurityTable(t *testing.T) {
	written := make(map[string]bool)
	for _, p := range loadPackages(t) {
		for _, f := range p.files {
			if f.isTest() {
				for _, name := range lessonTestsIn(t, f) {
					written[name+" in "+p.path] = true
				}
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		of := strings.TrimSpace(cells[0])
		if !lesson.MatchString(of) {
			continue
		}
		// TestCVE_2026_32305 for CVE-2026-32305, TestHAProxy_ed267f9bc for `ed267f9bc`.
		named := strings.NewReplacer("CVE", "TestCVE", "-", "_").Replace(of)
		if commit, ok := strings.CutPrefix(of, "`"); ok {
			named = "TestHAProxy_" + strings.TrimSuffix(commit, "`")
		}
		tests := tested.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 5 || len(tests) == 0 {
			t.Errorf("row with %d cells and %d tests, want 5 cells and at least one test: %s", len(cells), len(tests), line)
		}
		for _, test := range tests {
			listed[test[1]+" in "+test[2]]++
			if test[1] != named {
				t.Errorf("%s is in the row of %s", test[1], of)
			}
		}
	}
	for _, test := range slices.Sorted(maps.Keys(written)) {
		if listed[test] != 1 {
			t.Errorf("%s is in the table %d times", test, listed[test])
		}
	}
	for _, test := range slices.Sorted(maps.Keys(listed)) {
		if !written[test] {
			t.Errorf("%s is in the table, but there is no such test", test)
		}
	}
	if len(written) < 20 {
		t.Errorf("only %d tests were found", len(written))
	}
}

// lessonTestsIn returns the tests of a file that are named for flaws elsewhere.
func lessonTestsIn(t *testing.T, f goFile) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), f.name, f.body, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil && lessonTest.MatchString(function.Name.Name) {
			names = append(names, function.Name.Name)
		}
	}
	return names
}

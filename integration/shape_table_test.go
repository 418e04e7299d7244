// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// packageRow is a package's row in the table of CONTRIBUTING.md.
type packageRow struct {
	place   int      // from the top
	pure    bool     // for plugins of others, too
	imports []string // packages beside it that it may import
}

// packageTable returns the rows of the table by package below modules/.
var packageTable = sync.OnceValue(func() map[string]*packageRow {
	text, err := os.ReadFile(filepath.Join("..", "CONTRIBUTING.md"))
	if err != nil {
		panic(err)
	}
	return parsePackageTable(string(text))
})

var quoted = regexp.MustCompile("`([^`]+)`")

// parsePackageTable reads the table under the header "package | idea | may import".
func parsePackageTable(text string) map[string]*packageRow {
	_, table, _ := strings.Cut(text, "| package | idea | may import |\n")
	found := make(map[string]*packageRow)
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		name := quoted.FindStringSubmatch(cells[0])
		if name == nil { // the line below the header
			continue
		}
		last := cells[len(cells)-1]
		r := &packageRow{place: len(found), pure: strings.HasPrefix(strings.TrimSpace(last), "pure")}
		for _, match := range quoted.FindAllStringSubmatch(last, -1) {
			r.imports = append(r.imports, match[1])
		}
		found[name[1]] = r
	}
	return found
}

// checkPackageTable reports rows that allow a missing package, an import that points back, or one
// that no file uses.
func checkPackageTable(table map[string]*packageRow, packages []goPackage) (wrong []string) {
	used := make(map[string][]string)
	for _, p := range packages {
		name, ok := strings.CutPrefix(p.path, "modules/")
		if !ok {
			continue
		}
		used[name] = []string{}
		for _, f := range p.files {
			if !f.isTest() {
				used[name] = append(used[name], importsOf(f)...)
			}
		}
	}
	for name, r := range table {
		if used[name] == nil {
			wrong = append(wrong, fmt.Sprintf("CONTRIBUTING.md: package %q is not there", name))
			continue
		}
		for _, other := range r.imports {
			switch o := table[other]; {
			case o == nil:
				wrong = append(wrong, fmt.Sprintf("CONTRIBUTING.md: %q may import %q, which has no row", name, other))
			case o.place >= r.place:
				wrong = append(wrong, fmt.Sprintf("CONTRIBUTING.md: %q may import %q, which is not above it", name, other))
			case r.pure && !o.pure:
				wrong = append(wrong, fmt.Sprintf("CONTRIBUTING.md: %q is pure, and may import %q, which is not", name, other))
			case !slices.Contains(used[name], module+"/modules/"+other):
				wrong = append(wrong, fmt.Sprintf("CONTRIBUTING.md: %q may import %q, and does not", name, other))
			}
		}
	}
	return wrong
}

func TestShapeOfPackageTable(t *testing.T) {
	if len(packageTable()) == 0 {
		t.Fatal("CONTRIBUTING.md has no table of packages")
	}
	for _, wrong := range checkPackageTable(packageTable(), loadPackages(t)) {
		t.Error(wrong)
	}
}

// The table's own check can fail, too.
func TestShapeOfPackageTableSeesViolations(t *testing.T) {
	const head = "x\n\n| package | idea | may import |\n|---|---|---|\n"
	imports := func(name, other string) goPackage {
		return goPackage{"modules/" + name, []goFile{{name + ".go", "package " + name + "\n\nimport _ \"" + module + "/modules/" + other + "\"\n"}}}
	}
	a, b := goPackage{"modules/a", []goFile{{"a.go", "package a\n"}}}, imports("b", "a")
	for _, test := range []struct {
		name, rows string
		packages   []goPackage
		want       string
	}{
		{"as it is", "| `a` | one | pure |\n| `b` | two | pure, `a` |\n", []goPackage{a, b}, ""},
		{"a package that is gone", "| `a` | one | |\n| `c` | two | |\n", []goPackage{a}, `"c" is not there`},
		{"an arrow to nowhere", "| `a` | one | |\n| `b` | two | `c` |\n", []goPackage{a, b}, `"c", which has no row`},
		{"an arrow back", "| `b` | two | `a` |\n| `a` | one | |\n", []goPackage{a, b}, "not above it"},
		{"not pure", "| `a` | one | |\n| `b` | two | pure, `a` |\n", []goPackage{a, b}, "is pure, and may import"},
		{"unused", "| `b` | two | |\n| `a` | one | `b` |\n", []goPackage{a, b}, "and does not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, checkPackageTable(parsePackageTable(head+test.rows+"\ntext | `d` |\n"), test.packages), test.want)
		})
	}
}

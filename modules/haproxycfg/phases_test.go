// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// phases are the beginnings of file names, in the order in which a configuration passes
// through them. A file may use declarations of its own phase and of earlier ones only.
var phases = []string{"model", "emit", "adapter"}

// phaseOf returns the index of a file's phase, or -1.
func phaseOf(name string) int {
	name, _, _ = strings.Cut(strings.TrimSuffix(filepath.Base(name), ".go"), "_")
	return slices.Index(phases, name)
}

// TestPhasesPointDown checks that no file uses declarations of a later phase.
func TestPhasesPointDown(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	sources := make(map[string]any)
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			sources[name] = nil
		}
	}
	for _, wrong := range upward(t, sources) {
		t.Error(wrong)
	}
}

// TestPhasesUpward tests the test above: each kind of reference upward is found.
func TestPhasesUpward(t *testing.T) {
	const model = "package p\nimport \"slices\"\ntype server struct{ name string }\nvar all []*server\n"
	const emit = "package p\ntype made struct{ text string }\nfunc write() {}\nfunc (s *server) write() {}\nconst dot = `.`\n"
	for name, of := range map[string]struct{ model, other string }{
		"function":   {"func f() { write() }", "write"},
		"method":     {"func f(s *server) { s.write() }", "write"},
		"type":       {"func f(*made) {}", "made"},
		"constant":   {"func f() string { return dot }", "dot"},
		"field":      {"func f(a any) { a.(*made).text = `` }", "text"},
		"unresolved": {"func f() { for _, s := range slices.Sorted(nil) { s.write() } }", "write"},
		"value":      {"var f = write", "write"},
	} {
		wrong := upward(t, map[string]any{"model_a.go": model + of.model, "emit_b.go": emit})
		if !slices.ContainsFunc(wrong, func(w string) bool {
			return strings.HasPrefix(w, "model_a.go:") && strings.Contains(w, " "+of.other+" ")
		}) {
			t.Errorf("%s: %q", name, wrong)
		}
	}
	down := "func names(s *server) string { s.write(); return s.name + dot }"
	if wrong := upward(t, map[string]any{"model.go": model, "emit_b.go": emit + down}); len(wrong) > 0 {
		t.Errorf("downward: %q", wrong)
	}
	if wrong := upward(t, map[string]any{"other.go": "package p"}); len(wrong) != 1 {
		t.Errorf("a file without a phase: %q", wrong)
	}
}

// upward returns the references to declarations of a later phase, one sentence each. The sources
// are files by name, as for parser.ParseFile.
//
// Imports are not resolved, so that nothing has to be compiled. A selector that cannot be resolved
// without them counts as upward if only later phases declare a method of its name.
func upward(t *testing.T, sources map[string]any) (wrong []string) {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if phaseOf(name) < 0 {
			wrong = append(wrong, fmt.Sprintf("%s: expected a name that begins with one of %q", name, phases))
		}
		f, err := parser.ParseFile(set, name, sources[name], parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object), Defs: make(map[*ast.Ident]types.Object)}
	config := types.Config{Error: func(error) {}, Importer: noImports{}}
	pkg, _ := config.Check("p", set, files, info)
	phase := func(at token.Pos) int { return phaseOf(set.Position(at).Filename) }
	declared := make(map[string]int) // the earliest phase that declares a method
	for id, o := range info.Defs {
		if f, ok := o.(*types.Func); !ok || f.Signature().Recv() == nil {
			continue
		}
		if first, ok := declared[id.Name]; !ok || phase(id.Pos()) < first {
			declared[id.Name] = phase(id.Pos())
		}
	}
	report := func(id *ast.Ident, declares int) {
		if own := phase(id.Pos()); own < declares {
			wrong = append(wrong, fmt.Sprintf("%s: %s is declared in %s, and may not be used in %s", set.Position(id.Pos()), id.Name, phases[declares], phases[own]))
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if first, ok := declared[n.Sel.Name]; ok && info.Uses[n.Sel] == nil {
					report(n.Sel, first)
				}
			case *ast.Ident:
				if o := info.Uses[n]; o != nil && o.Pkg() == pkg && o.Pos().IsValid() {
					report(n, phase(o.Pos()))
				}
			}
			return true
		})
	}
	return wrong
}

// noImports is an importer that finds nothing.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not resolved")
}

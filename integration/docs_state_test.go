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

// namedState is a file below modules in docs/design.md, with the variables named behind it.
var namedState = regexp.MustCompile(`([a-z0-9/]+/\w+\.go):(\w+(?:, \w+)*)`)

// The section "Process-wide state" of docs/design.md names every package-level variable that
// changes at run time.
func TestDesignNamesProcessWideState(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Process-wide state\n")
	if !found {
		t.Fatal(`docs/design.md has no section "Process-wide state"`)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	named := make(map[string]bool)
	for _, m := range namedState.FindAllStringSubmatch(section, -1) {
		for name := range strings.SplitSeq(m[2], ", ") {
			named[m[1]+":"+name] = true
		}
	}
	state := processWideState(t)
	for _, v := range state {
		if !named[v] {
			t.Errorf("%s changes at run time: name it in docs/design.md, \"Process-wide state\", or keep it in a value", v)
		}
		delete(named, v)
	}
	for _, v := range slices.Sorted(maps.Keys(named)) {
		t.Errorf("docs/design.md, \"Process-wide state\", names %s, which no longer changes at run time", v)
	}
	if len(state) < 20 {
		t.Errorf("found only %d variables: the search is broken", len(state))
	}
}

// processWideState returns the package-level variables of modules that change at run time, as
// PACKAGE/FILE:NAME. They hold a lock, an atomic, a pool or counts of lanes, or a function other
// than init assigns to them.
func processWideState(t *testing.T) (state []string) {
	packages := make(map[string][]*ast.File)
	fset := token.NewFileSet()
	err := filepath.WalkDir(filepath.Join("..", "modules"), func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "test/") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		dir := filepath.Dir(path)
		packages[dir] = append(packages[dir], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*packageState)
	for dir, files := range packages {
		all[filepath.Base(dir)] = newPackageState(files, all)
	}
	for _, p := range all {
		for name, v := range p.variables {
			if p.isSynced(v.typ) || p.isSynced(v.value) || p.assigned[name] {
				path, _ := filepath.Rel(filepath.Join("..", "modules"), fset.Position(v.at).Filename)
				state = append(state, filepath.ToSlash(path)+":"+name)
			}
		}
	}
	slices.Sort(state)
	return state
}

// packageState holds the package-level variables of a package.
type packageState struct {
	all       map[string]*packageState // by the name of the package
	types     map[string]ast.Expr
	variables map[string]variable
	assigned  map[string]bool // outside of init
}

type variable struct {
	at         token.Pos
	typ, value ast.Expr // nil: not given
}

func newPackageState(files []*ast.File, all map[string]*packageState) *packageState {
	p := &packageState{all, make(map[string]ast.Expr), make(map[string]variable), make(map[string]bool)}
	for _, file := range files {
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				p.declare(g)
			}
		}
	}
	for _, file := range files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && (f.Name.Name != "init" || f.Recv != nil) {
				ast.Inspect(f.Body, p.noteAssignment)
			}
		}
	}
	return p
}

// declare adds the types and variables of a declaration.
func (p *packageState) declare(g *ast.GenDecl) {
	for _, s := range g.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			p.types[s.Name.Name] = s.Type
		case *ast.ValueSpec:
			for i, name := range s.Names {
				if g.Tok != token.VAR || name.Name == "_" {
					continue
				}
				v := variable{at: name.Pos(), typ: s.Type}
				if i < len(s.Values) {
					v.value = s.Values[i]
				}
				p.variables[name.Name] = v
			}
		}
	}
}

// isSynced reports whether a type, or the type of a value, has a lock, an atomic or a pool in it.
func (p *packageState) isSynced(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		from, ok := e.X.(*ast.Ident)
		if !ok {
			return false
		}
		if other := p.all[from.Name]; other != nil {
			return other.isSynced(e.Sel)
		}
		return from.Name == "sync" && !strings.HasPrefix(e.Sel.Name, "Once") || from.Name == "atomic"
	case *ast.Ident:
		return e.Name == "Split" || p.isSynced(p.types[e.Name]) // tally.Split is locked by its lane
	case *ast.StarExpr:
		return p.isSynced(e.X)
	case *ast.UnaryExpr:
		return p.isSynced(e.X)
	case *ast.CompositeLit:
		return p.isSynced(e.Type)
	case *ast.ArrayType:
		return p.isSynced(e.Elt)
	case *ast.IndexExpr: // atomic.Pointer[T]
		return p.isSynced(e.X)
	case *ast.CallExpr: // new(T)
		f, ok := e.Fun.(*ast.Ident)
		return ok && f.Name == "new" && p.isSynced(e.Args[0])
	case *ast.StructType:
		return slices.ContainsFunc(e.Fields.List, func(f *ast.Field) bool {
			_, pointer := f.Type.(*ast.StarExpr)
			return !pointer && p.isSynced(f.Type)
		})
	}
	return false
}

// noteAssignment notes a package-level variable that a statement assigns to.
func (p *packageState) noteAssignment(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, e := range n.Lhs {
				p.noteTarget(e)
			}
		}
	case *ast.IncDecStmt:
		p.noteTarget(n.X)
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") {
			p.noteTarget(n.Args[0])
		}
	}
	return true
}

func (p *packageState) noteTarget(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Ident:
		v, ok := p.variables[e.Name]
		if e.Obj != nil { // nil: declared in another file
			ok = ok && e.Obj.Pos() == v.at
		}
		if !ok {
			return
		}
		p.assigned[e.Name] = true
	case *ast.IndexExpr:
		p.noteTarget(e.X)
	case *ast.SelectorExpr:
		p.noteTarget(e.X)
	case *ast.StarExpr:
		p.noteTarget(e.X)
	case *ast.ParenExpr:
		p.noteTarget(e.X)
	}
}

// Every test that docs/design.md names exists.
func TestDesignNamesTests(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	missing := make(map[string]bool)
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1) {
		missing[name[1]] = true
	}
	if len(missing) == 0 {
		t.Error("the page names no test")
	}
	err = filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for name := range missing {
			if strings.Contains(string(text), "func "+name+"(") {
				delete(missing, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("docs/design.md names %s, and there is no such test", name)
	}
}

// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// inSource matches a path below modules in docs/design.md, with a declaration there.
var inSource = regexp.MustCompile(`([a-z0-9]+/\w+\.go)(?::(\w+))?`)

// Every file that docs/design.md names exists and has the declaration named with it.
func TestDesignNamesExistingFiles(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := inSource.FindAllStringSubmatch(string(page), -1)
	if len(found) == 0 {
		t.Error("docs/design.md names no file")
	}
	for _, of := range found {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "modules", filepath.FromSlash(of[1])), nil, 0)
		if err != nil {
			t.Errorf("docs/design.md names modules/%s: %v", of[1], err)
			continue
		}
		if name := of[2]; name != "" && !declares(file, name) {
			t.Errorf("docs/design.md names %s, which modules/%s does not declare", name, of[1])
		}
	}
}

// declares reports whether a file declares a function, method, type, variable or constant of a
// name.
func declares(file *ast.File, name string) bool {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == name {
				return true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == name {
						return true
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.Name == name {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestCallsAreRaw finds system calls that inform the scheduler. A connection must not need any of
// them: see sys_linux.go.
func TestCallsAreRaw(t *testing.T) {
	allowed := map[string]string{
		"RawSyscall":   "raw",
		"RawSyscall6":  "raw",
		"Socket":       "raw in x/sys",
		"Getsockname":  "raw in x/sys",
		"Getpeername":  "raw in x/sys",
		"Pipe2":        "raw in x/sys; pipes are kept",
		"Getrlimit":    "raw in x/sys; once",
		"FcntlInt":     "once for a big pipe, of which there are few",
		"EpollCreate1": "once for a shard",
		"SetNonblock":  "once for a shard",
		"Close":        "once for a shard that fails",
		"Poll":         "once for a timeout",
		"Mmap":         "once for a shard",
		"Mremap":       "when a shard has twice as many sessions as ever",
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if of, ok := f.X.(*ast.Ident); !ok || of.Name != "unix" && of.Name != "syscall" || f.Sel.Name == "Errno" {
				return true
			}
			calls++
			if allowed[f.Sel.Name] == "" {
				t.Errorf("%v: %s is not a raw system call", fset.Position(call.Pos()), f.Sel.Name)
			}
			return true
		})
	}
	if calls < 20 {
		t.Errorf("%d calls found: this test no longer finds them", calls)
	}
}

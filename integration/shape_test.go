// SPDX-License-Identifier: Apache-2.0

// Package integration holds the tests of the whole: the shape of the source tree, and the built
// program with real clients and servers around it.
package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module     = "github.com/caddy-passthrough/caddy-passthrough"
	spdx       = "// SPDX-License-Identifier: Apache-2.0"
	maxFile    = 400 // lines of a file
	maxFunc    = 80  // lines of a function
	longReason = "long:"
)

// shapeless names say nothing about the purpose of a package.
var shapeless = []string{"util", "utils", "common", "helper", "helpers", "misc"}

// goPackage is a directory of Go files, including those for other systems.
type goPackage struct {
	path  string // below the module: "modules/relay", "" for the root
	files []goFile
}

type goFile struct {
	name string
	body string
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// checks return the faults of a package, a sentence each.
var checks = map[string]func(goPackage) []string{
	"arrows":      checkArrows,
	"package doc": checkPackageDoc,
	"length":      checkLength,
	"licence":     checkLicence,
	"error text":  checkErrorTexts,
	"name":        checkName,
}

func TestShape(t *testing.T) {
	packages := loadPackages(t)
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			for _, p := range packages {
				for _, wrong := range check(p) {
					t.Error(wrong)
				}
			}
		})
	}
}

func TestNoMachinePaths(t *testing.T) {
	root := moduleRoot(t)
	for _, name := range treeFiles(t, root) {
		body, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) { // in git's index, but deleted
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range checkMachinePaths(name, body) {
			t.Error(wrong)
		}
	}
}

// checkArrows reports imports that point back or sideways, and forbidden imports of pure packages.
func checkArrows(p goPackage) (wrong []string) {
	if name, ok := strings.CutPrefix(p.path, "modules/"); ok && packageTable()[name] == nil {
		return []string{fmt.Sprintf("%s: has no row in CONTRIBUTING.md: say there what it may import", p.path)}
	}
	for _, f := range p.files {
		for _, imported := range importsOf(f) {
			if why := forbidden(p.path, f.isTest(), imported); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s: imports %s: %s", path.Join(p.path, f.name), imported, why))
			}
		}
	}
	return wrong
}

// forbidden returns why a file of a package may not import another, or "". Tests may use any
// package of the table, any library, and integration/programs, but the root and cmd no more than
// other files.
func forbidden(importer string, test bool, imported string) string {
	own, isOwn := strings.CutPrefix(imported+"/", module+"/")
	own = strings.TrimSuffix(own, "/")
	target, isPackage := strings.CutPrefix(own, "modules/")
	name, fromPackage := strings.CutPrefix(importer, "modules/")
	switch {
	case isOwn && fromPackage && !isPackage && (!test || own != "integration/programs"):
		return "modules know neither the root nor cmd"
	case test:
		return ""
	case isOwn && fromPackage && !slices.Contains(packageTable()[name].imports, target):
		return fmt.Sprintf("of this module it may import only %q", packageTable()[name].imports)
	case !isOwn && fromPackage && packageTable()[name].pure && !isPureImport(imported):
		return "a pure package stands on the standard library and golang.org/x alone"
	case isOwn && importer == "" && !isPackage:
		return "the root imports modules/ alone"
	case isOwn && strings.HasPrefix(importer, "cmd/") && own != "":
		return "cmd takes what the root imports"
	}
	return ""
}

// isPureImport reports whether a package is in the standard library or golang.org/x: the first part
// of a standard package's path has no dot.
func isPureImport(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") || strings.HasPrefix(imported, "golang.org/x/")
}

func importsOf(f goFile) []string {
	file, err := parser.ParseFile(token.NewFileSet(), f.name, f.body, parser.ImportsOnly)
	if err != nil {
		return nil // checkLength reports it
	}
	var paths []string
	for _, spec := range file.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, imported)
		}
	}
	return paths
}

// checkPackageDoc requires the package comment in exactly one file. A directory with only tests has
// it in one of these.
func checkPackageDoc(p goPackage) []string {
	candidates := slices.DeleteFunc(slices.Clone(p.files), goFile.isTest)
	if len(candidates) == 0 {
		candidates = p.files
	}
	var documented []string
	for _, f := range candidates {
		file, err := parser.ParseFile(token.NewFileSet(), f.name, f.body, parser.PackageClauseOnly|parser.ParseComments)
		if err == nil && strings.TrimSpace(file.Doc.Text()) != "" {
			documented = append(documented, f.name)
		}
	}
	switch len(documented) {
	case 0:
		return []string{fmt.Sprintf("%s: no package comment", p.path)}
	case 1:
		return nil
	default:
		return []string{fmt.Sprintf("%s: package comments in %q: one is enough (a line of space sets the SPDX line apart)", p.path, documented)}
	}
}

// checkLength reports long files and functions that give no reason: a line "// long: reason" in the
// file's or the function's comment.
func checkLength(p goPackage) (wrong []string) {
	for _, f := range p.files {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, f.name, f.body, parser.ParseComments)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", p.path, err))
			continue
		}
		if f.isTest() {
			continue
		}
		head := slices.DeleteFunc(slices.Clone(file.Comments), func(c *ast.CommentGroup) bool { return c.Pos() > file.Package })
		if n := strings.Count(f.body, "\n"); n > maxFile && !givesReason(head...) {
			wrong = append(wrong, fmt.Sprintf("%s/%s: %d lines, over %d without a reason", p.path, f.name, n, maxFile))
		}
		for _, decl := range file.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok || givesReason(function.Doc) {
				continue
			}
			first, last := fset.Position(function.Pos()), fset.Position(function.End())
			if n := last.Line - first.Line + 1; n > maxFunc {
				wrong = append(wrong, fmt.Sprintf("%s/%s:%d: %s has %d lines, over %d without a reason", p.path, f.name, first.Line, function.Name.Name, n, maxFunc))
			}
		}
	}
	return wrong
}

func givesReason(comments ...*ast.CommentGroup) bool {
	for _, group := range comments {
		for line := range strings.Lines(group.Text()) {
			if reason, ok := strings.CutPrefix(line, longReason); ok && strings.TrimSpace(reason) != "" {
				return true
			}
		}
	}
	return false
}

func checkLicence(p goPackage) (wrong []string) {
	for _, f := range p.files {
		if first, _, _ := strings.Cut(f.body, "\n"); first != spdx {
			wrong = append(wrong, fmt.Sprintf("%s/%s: does not begin with %q", p.path, f.name, spdx))
		}
	}
	return wrong
}

// userWords are packages that users know by name, for example as a network.
var userWords = []string{"modules/durable"}

// checkErrorTexts reports errors that begin with the name of their package. They reach users, in
// the log, in answers of the admin endpoint and when a configuration is refused, and users do not
// know packages.
func checkErrorTexts(p goPackage) (wrong []string) {
	if slices.Contains(userWords, p.path) {
		return nil
	}
	for _, f := range p.files {
		if f.isTest() {
			continue
		}
		for _, call := range []string{"errors.New", "fmt.Errorf"} {
			if before, _, found := strings.Cut(f.body, call+`("`+path.Base(p.path)+": "); found {
				line := 1 + strings.Count(before, "\n")
				wrong = append(wrong, fmt.Sprintf("%s:%d: an error begins with the package's name, which users do not know", path.Join(p.path, f.name), line))
			}
		}
	}
	return wrong
}

func checkName(p goPackage) (wrong []string) {
	names := []string{path.Base(p.path)}
	for _, f := range p.files {
		if file, err := parser.ParseFile(token.NewFileSet(), f.name, f.body, parser.PackageClauseOnly); err == nil {
			names = append(names, strings.TrimSuffix(file.Name.Name, "_test"))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if slices.Contains(shapeless, name) {
			wrong = append(wrong, fmt.Sprintf("%s: %q does not say what the package is for", p.path, name))
		}
	}
	return wrong
}

// machinePath matches a path that exists on one machine only. It is put together here, so that this
// file does not contain one.
var (
	machineFolders = []string{"work", "root", "home", "Users"}
	machinePath    = regexp.MustCompile(`(^|[^\w.$})])/` + `(work|root|home/\w+|Users/\w+)/`)
)

func checkMachinePaths(name string, body []byte) (wrong []string) {
	if bytes.IndexByte(body, 0) >= 0 {
		return nil // not text
	}
	if !slices.ContainsFunc(machineFolders, func(folder string) bool { return bytes.Contains(body, []byte("/"+folder+"/")) }) {
		return nil // most files: the expression is slow
	}
	number := 0
	for line := range bytes.Lines(body) {
		number++
		if machinePath.Match(line) {
			wrong = append(wrong, fmt.Sprintf("%s:%d: a path of one machine: %s", name, number, bytes.TrimSpace(line)))
		}
	}
	return wrong
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(string(output(t, "", "go", "list", "-m", "-f", "{{.Dir}}")))
}

// loadPackages reads every package of the module, for all systems and build tags.
func loadPackages(t *testing.T) []goPackage {
	t.Helper()
	listing := json.NewDecoder(bytes.NewReader(output(t, moduleRoot(t), "go", "list", "-e", "-tags", "xcaddy,servers", "-json", "./...")))
	var packages []goPackage
	for {
		var listed struct {
			ImportPath, Dir                                              string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := listing.Decode(&listed); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("decoding the output of go list: %v", err)
		}
		p := goPackage{path: strings.TrimPrefix(strings.TrimPrefix(listed.ImportPath, module), "/")}
		for _, name := range slices.Concat(listed.GoFiles, listed.CgoFiles, listed.IgnoredGoFiles, listed.TestGoFiles, listed.XTestGoFiles) {
			body, err := os.ReadFile(filepath.Join(listed.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			p.files = append(p.files, goFile{name, string(body)})
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("go list names no package")
	}
	return packages
}

// treeFiles returns the files that git tracks or would track.
func treeFiles(t *testing.T, root string) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("not a git work tree: the project's files are unknown")
	}
	names := strings.TrimRight(string(output(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")), "\x00")
	return strings.Split(names, "\x00")
}

func output(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running %s: %v", cmd, err)
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"
)

// TestShapeSeesViolations shows each check of shape_test.go a violation: a check that cannot fail
// is useless.
func TestShapeSeesViolations(t *testing.T) {
	const head = spdx + "\n\n"
	const doc = "// Package relay is one.\n"
	imports := func(path string) string { return head + doc + "package relay\n\nimport _ \"" + path + "\"\n" }
	lines := func(n int) string { return strings.Repeat("\t_ = 0\n", n) }

	for _, test := range []struct {
		name  string
		check string
		path  string
		files []goFile
		want  string // part of the only complaint; "": no complaint
	}{
		{"std and x", "arrows", "modules/relay", []goFile{{"a.go", imports("golang.org/x/sys/unix")}, {"b.go", imports("net/netip")}}, ""},
		{"pure imports caddy", "arrows", "modules/relay", []goFile{{"a.go", imports("github.com/caddyserver/caddy/v2")}}, "pure"},
		{"pure imports zap", "arrows", "modules/pool", []goFile{{"a.go", imports("go.uber.org/zap")}}, "pure"},
		{"pure sample imports caddy", "arrows", "modules/sample", []goFile{{"a.go", imports("github.com/caddyserver/caddy/v2")}}, "pure"},
		{"pure imports a pure one of its row", "arrows", "modules/sample", []goFile{{"a.go", imports(module + "/modules/clienthello")}}, ""},
		{"pure imports a neighbour", "arrows", "modules/relay", []goFile{{"a.go", imports(module + "/modules/pool")}}, "only []"},
		{"pure test uses a library", "arrows", "modules/relay", []goFile{{"a_test.go", imports("go.uber.org/goleak")}}, ""},
		{"arrow down", "arrows", "modules/policies", []goFile{{"a.go", imports(module + "/modules/pool")}}, ""},
		{"arrow back", "arrows", "modules/balancer", []goFile{{"a.go", imports(module + "/modules/l4passthrough")}}, "only"},
		{"arrow sideways", "arrows", "modules/policies", []goFile{{"a.go", imports(module + "/modules/balancer")}}, "only"},
		{"policy in a balancer's test", "arrows", "modules/balancer", []goFile{{"a_test.go", imports(module + "/modules/policies")}}, ""},
		{"module imports root", "arrows", "modules/durable", []goFile{{"a.go", imports(module)}}, "neither the root nor cmd"},
		{"module imports cmd", "arrows", "modules/durable", []goFile{{"a.go", imports(module + "/cmd/caddy")}}, "neither the root nor cmd"},
		{"module test imports root", "arrows", "modules/durable", []goFile{{"a_test.go", imports(module)}}, "neither the root nor cmd"},
		{"module imports what drives programs", "arrows", "modules/durable", []goFile{{"a.go", imports(module + "/integration/programs")}}, "neither the root nor cmd"},
		{"module test imports what drives programs", "arrows", "modules/durable", []goFile{{"a_test.go", imports(module + "/integration/programs")}}, ""},
		{"stranger", "arrows", "modules/stranger", []goFile{{"a.go", imports("net")}}, "no row in CONTRIBUTING.md"},
		{"root imports cmd", "arrows", "", []goFile{{"a.go", imports(module + "/cmd/caddy")}}, "the root imports"},
		{"root imports modules", "arrows", "", []goFile{{"a.go", imports(module + "/modules/pool")}}, ""},
		{"cmd imports the root", "arrows", "cmd/caddy", []goFile{{"a.go", imports(module)}}, ""},
		{"cmd passes the root by", "arrows", "cmd/caddy", []goFile{{"a.go", imports(module + "/modules/pool")}}, "cmd takes"},

		{"one doc", "package doc", "modules/relay", []goFile{{"a.go", head + doc + "package relay\n"}, {"b.go", head + "package relay\n"}}, ""},
		{"no doc", "package doc", "modules/relay", []goFile{{"a.go", head + "package relay\n"}}, "no package comment"},
		{"doc in a test", "package doc", "modules/relay", []goFile{{"a.go", head + "package relay\n"}, {"a_test.go", head + doc + "package relay\n"}}, "no package comment"},
		{"tests alone", "package doc", "integration", []goFile{{"a_test.go", head + doc + "package relay\n"}, {"b_test.go", head + "package relay_test\n"}}, ""},
		{"two docs", "package doc", "modules/relay", []goFile{{"a.go", head + doc + "package relay\n"}, {"b.go", head + doc + "package relay\n"}}, "one is enough"},
		{"SPDX line as doc", "package doc", "modules/relay", []goFile{{"a.go", head + doc + "package relay\n"}, {"b.go", spdx + "\npackage relay\n"}}, "sets the SPDX line apart"},

		{"function of 80", "length", "modules/relay", []goFile{{"a.go", "package relay\n\nfunc f() {\n" + lines(78) + "}\n"}}, ""},
		{"function of 81", "length", "modules/relay", []goFile{{"a.go", "package relay\n\nfunc f() {\n" + lines(79) + "}\n"}}, "f has 81 lines"},
		{"function with a reason", "length", "modules/relay", []goFile{{"a.go", "package relay\n\n// f is.\n//\n// long: one table.\nfunc f() {\n" + lines(79) + "}\n"}}, ""},
		{"function with an empty reason", "length", "modules/relay", []goFile{{"a.go", "package relay\n\n// long:\nfunc f() {\n" + lines(79) + "}\n"}}, "f has 81 lines"},
		{"test function of 81", "length", "modules/relay", []goFile{{"a_test.go", "package relay\n\nfunc f() {\n" + lines(79) + "}\n"}}, ""},
		{"file of 400", "length", "modules/relay", []goFile{{"a.go", "package relay\n" + strings.Repeat("\n", 399)}}, ""},
		{"file of 401", "length", "modules/relay", []goFile{{"a.go", "package relay\n" + strings.Repeat("\n", 400)}}, "401 lines"},
		{"file with a reason", "length", "modules/relay", []goFile{{"a.go", "// long: one table.\n\npackage relay\n" + strings.Repeat("\n", 400)}}, ""},
		{"file with a reason in its midst", "length", "modules/relay", []goFile{{"a.go", "package relay\n\n// long: one table.\n" + strings.Repeat("\n", 400)}}, "403 lines"},
		{"not Go", "length", "modules/relay", []goFile{{"a.go", "func f("}}, "expected 'package'"},

		{"licensed", "licence", "modules/relay", []goFile{{"a.go", head + "package relay\n"}}, ""},
		{"no licence", "licence", "modules/relay", []goFile{{"a_test.go", "package relay\n"}}, "does not begin with"},
		{"licence too late", "licence", "modules/relay", []goFile{{"a.go", "\n" + head + "package relay\n"}}, "does not begin with"},

		{"error", "error text", "modules/relay", []goFile{{"a.go", "package relay\n\nvar err = errors.New(\"no relay: gone\")\n"}}, ""},
		{"prefixed sentinel", "error text", "modules/relay", []goFile{{"a.go", "package relay\n\nvar err = errors.New(\"relay: gone\")\n"}}, "a.go:3: an error begins"},
		{"prefixed error", "error text", "modules/relay", []goFile{{"a.go", "package relay\n\nvar err = fmt.Errorf(\"relay: gone: %w\", err)\n"}}, "a.go:3: an error begins"},
		{"prefix that users know", "error text", "modules/durable", []goFile{{"a.go", "package durable\n\nvar err = errors.New(\"durable: gone\")\n"}}, ""},

		{"good name", "name", "modules/relay", []goFile{{"a.go", "package relay\n"}}, ""},
		{"directory named util", "name", "modules/util", []goFile{{"a.go", "package relay\n"}}, `"util"`},
		{"package named helpers", "name", "modules/relay", []goFile{{"a.go", "package helpers\n"}}, `"helpers"`},
	} {
		t.Run(test.check+"/"+test.name, func(t *testing.T) {
			expect(t, checks[test.check](goPackage{test.path, test.files}), test.want)
		})
	}
}

func TestMachinePathsSeesViolations(t *testing.T) {
	// Split, so that this file passes its own check.
	const work, root, home = "/" + "work/", "/" + "root/", "/" + "home/ann/"
	for _, test := range []struct{ name, body, want string }{
		{"work", "see " + work + "main\n", "x:1"},
		{"root, later", "\n\ncp " + root + "go .\n", "x:3"},
		{"home, quoted", `"` + home + `x"`, "x:1"},
		{"line start", work + "x", "x:1"},
		{"relative", "." + work + "x ../" + work[1:] + "x $HOME" + root + "x", ""},
		{"address", "https://example.com" + work + "x", ""},
		{"binary", "\x00 " + work + "x", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, checkMachinePaths("x", []byte(test.body)), test.want)
		})
	}
}

// expect wants one complaint that contains a text, or none if the text is empty.
func expect(t *testing.T, wrong []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(wrong) == 0:
	case want == "":
		t.Errorf("unfounded complaint: %q", wrong)
	case len(wrong) != 1 || !strings.Contains(wrong[0], want):
		t.Errorf("got %q, want one complaint with %q", wrong, want)
	}
}

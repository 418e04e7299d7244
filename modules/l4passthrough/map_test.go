// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// The most specific name in a map decides, wherever it is listed; other names are left to the next
// rule.
func TestMap(t *testing.T) {
	file := tempFile(t, "\ufeff# name backend\r\n.example.test\tlegacy\r\n*.Example.Test   tenants # one label\r\n\r\n www.example.test. web\nwww.example.test web\n")
	app, ctx := newApp(t, "web", "tenants", "legacy", "fallback")
	r, err := newRouter(ctx, app, parseRules(t, `[{"backend_map": %q}]`, file), app.Backends["fallback"])
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"www.example.test":   "web",
		"WWW.Example.Test":   "web",
		"api.example.test":   "tenants",
		"a.www.example.test": "legacy",
		"x.y.z.example.test": "legacy",
		"example.test":       "fallback",
		"notexample.test":    "fallback",
		"":                   "fallback",
	} {
		s := newSpecimen(t, name, "")
		if got, _, err := r.Route(seen(s.hello, nil)); got != app.Backends[want] || err != nil {
			t.Errorf("%q: backend %v, %v; want %s", name, got, err, want)
		}
	}
}

// Templates lead to backends that there are, past all later rules, and else to
// the default backend.
func TestTemplates(t *testing.T) {
	app, ctx := newApp(t, "a.test", "tenant-a.test", "tenant-", "later", "fallback")
	for _, c := range []struct{ template, name, want string }{
		{"{l4.client_hello.sni}", "a.test", "a.test"},
		{"{l4.client_hello.sni}", "A.Test", "a.test"},
		{"{l4.client_hello.sni}", "b.test", "fallback"},
		{"{l4.client_hello.sni}", "", "fallback"},
		{"{l4.client_hello.sni}", "fallback", "fallback"},
		{"tenant-{l4.client_hello.sni}", "a.test", "tenant-a.test"},
		{"tenant-{l4.client_hello.sni}", "", "tenant-"},
		{"tenant-{l4.client_hello.sni}", "later", "fallback"},
		{"{l4.client_hello.sni}{l4.vars.no_such_thing}", "a.test", "a.test"},
		{"{l4.client_hello.sni}", "{l4.client_hello.outcome}", "fallback"},
	} {
		for _, fallback := range []string{"fallback", "none"} {
			config := parseRules(t, `[{"backend": %q, "match": [{"test_answer": {"answer": "yes"}}]}, {"backend": "later"}]`, c.template)
			r, err := newRouter(ctx, app, config, app.Backends[fallback])
			if err != nil {
				t.Fatal(err)
			}
			want := app.Backends[c.want]
			if c.want == "fallback" && c.name != "fallback" {
				want = app.Backends[fallback]
			}
			s := newSpecimen(t, c.name, "")
			if got, _, err := r.Route(seen(s.hello, s.connection)); got != want || err != nil {
				t.Errorf("%s with %q, default %s: backend %v, %v; want %s", c.template, c.name, fallback, got, err, c.want)
			}
		}
	}
}

func TestTargetsThatAreRefused(t *testing.T) {
	for content, want := range map[string]string{
		"":                                      `FILE: no names: expected at least one, with its value`,
		"# a.test web\n":                        `FILE: no names: expected at least one, with its value`,
		"a.test web\nb.test wbe\n":              `FILE:2: backend "wbe" is not defined; did you mean "web"? (known: api, web)`,
		"a.test web\r\n\r\nb.test web api\r\n":  `FILE:3: backend "web api" is not defined`,
		"a.test {l4.client_hello.sni}\n":        `FILE:1: backend "{l4.client_hello.sni}" is not defined`,
		"a.test web\n# b.test\n\nA.Test. api\n": `FILE:4: "a.test" has the value "api", but "web" in line 1: expected one value per name`,
		"a.test\n":                              `FILE:1: no value after "a.test": expected a name and its value`,
		"a.test web\nb..test web\n":             `FILE:2: invalid pattern "b..test": empty label`,
		"a.test web\nhttps://b.test/ web\n":     `FILE:2: invalid pattern "https://b.test/": URL or path`,
		"web a.test\n":                          `FILE:1: backend "a.test" is not defined`,
	} {
		app, ctx := newApp(t, "web", "api")
		file := tempFile(t, content)
		_, err := newRouter(ctx, app, parseRules(t, `[{"backend_map": %q}]`, file), nil)
		if want = "rule 1: backend_map: " + strings.ReplaceAll(want, "FILE", file); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", content, err, want)
		}
	}
	missing, dir := filepath.Join(t.TempDir(), "missing.map"), t.TempDir()
	const wrongName = `: expected letters, digits, any of -_.: and placeholders such as {l4.client_hello.sni}, nothing else`
	for rule, want := range map[string]string{
		fmt.Sprintf(`{"backend_map": %q}`, missing):      `rule 1: backend_map: open ` + missing + `: no such file or directory`,
		fmt.Sprintf(`{"backend_map": %q}`, dir):          `rule 1: backend_map: reading "` + dir + `": `,
		`{"backend": "web", "backend_map": "sites.map"}`: `rule 1: it has backend "web" and backend_map "sites.map": expected one of the two`,
		`{"backend": "", "backend_map": ""}`:             `rule 1: it has no backend`,
		`{"backend": "{l4.client_hello.sni"}`:            `rule 1: name "{l4.client_hello.sni"` + wrongName,
		`{"backend": "a b {l4.client_hello.sni}"}`:       `rule 1: name "a b {l4.client_hello.sni}"` + wrongName,
		`{"backend": "{l4.client_hello.sni}/x"}`:         `rule 1: name "{l4.client_hello.sni}/x"` + wrongName,
		`{"backend": "{}"}`:                              `rule 1: name "{}"` + wrongName,
		`{"backend": "web}"}`:                            `rule 1: backend "web}" is not defined; did you mean "web"?`,
	} {
		app, ctx := newApp(t, "web", "api")
		_, err := newRouter(ctx, app, parseRules(t, `[%s]`, rule), nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", rule, err, want)
		}
	}
}

// Errors about shadowed rules name the file of a map, whether it is shadowed or shadows.
func TestHiddenRulesWithMaps(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	mapOf := func(name, more string) string { return fmt.Sprintf(`{"backend_map": %q%s}`, file(name), more) }
	const onH2, onlyA = `, "match": [{"client_hello": {"alpn": ["h2"]}}]`, `, "match": [{"client_hello": {"sni": ["a.example.test"]}}]`
	for name, content := range map[string]string{
		"a": "a.example.test web\n", "ab": "b.example.test web\na.example.test api\n", "star": "*.example.test web\n", "c": "c.example.test web\n",
	} {
		writeFile(t, file(name), content)
	}
	template := `{"backend": "{l4.client_hello.sni}"}`
	for name, c := range map[string]struct {
		rules string
		want  string // hidden rule and hiding rule; empty: none is hidden
	}{
		"all names are taken":           {exactA + `,` + exactB + `,` + mapOf("ab", ""), `3 MAP ab 1 backend "api"`},
		"a wider one takes them":        {oneStar + `,` + mapOf("ab", ""), `2 MAP ab 1 backend "web"`},
		"whatever else it asks for":     {anyDeep + `,` + mapOf("ab", onH2), `2 MAP ab 1 backend "web"`},
		"the same map again":            {mapOf("ab", "") + `,` + mapOf("ab", ""), `2 MAP ab 1 MAP ab`},
		"one map takes the names":       {mapOf("ab", "") + `,` + mapOf("a", onH2), `2 MAP a 1 MAP ab`},
		"two maps take the names":       {mapOf("a", "") + `,` + exactB + `,` + mapOf("ab", ""), `3 MAP ab 1 MAP a`},
		"a map before a rule":           {mapOf("ab", "") + `,` + exactA, `2 backend "api" 1 MAP ab`},
		"a wide map before a rule":      {mapOf("star", "") + `,` + both, `2 backend "web" 1 MAP star`},
		"a map before names and more":   {mapOf("ab", "") + `,` + overTLS, `2 backend "web" 1 MAP ab`},
		"a map for which names remain":  {exactA + `,` + mapOf("c", onlyA), `2 MAP c 1 backend "api"`},
		"a map after a rule for all":    {bare + `,` + mapOf("a", ""), `2 MAP a 1 backend "web"`},
		"a rule after a template":       {template + `,` + exactA, `2 backend "api" 1 backend "{l4.client_hello.sni}"`},
		"a template under a rule":       {bare + `,` + template, `2 backend "{l4.client_hello.sni}" 1 backend "web"`},
		"a name is left":                {exactA + `,` + mapOf("ab", ""), ``},
		"a wildcard is wider":           {mapOf("ab", "") + `,` + mapOf("star", ""), ``},
		"a map with conditions":         {mapOf("ab", onH2) + `,` + exactA + `,` + mapOf("ab", ""), ``},
		"a map is not for all":          {mapOf("star", "") + `,` + bare, ``},
		"names of the matcher are left": {exactB + `,` + mapOf("a", onlyA), ``},
	} {
		app, ctx := newApp(t, "web", "api")
		_, err := newRouter(ctx, app, parseRules(t, `[%s]`, c.rules), nil)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		words := strings.Fields(c.want)
		call := func(kind, what string) string {
			if kind == "MAP" {
				return fmt.Sprintf("backend_map %q", file(what))
			}
			return kind + " " + what
		}
		want := fmt.Sprintf("rule %s (%s) can never match: earlier rules take all that it would, first of them rule %s (%s); move it up or remove it",
			words[0], call(words[1], words[2]), words[3], call(words[4], words[5]))
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, want)
		}
	}
}

// Where some names of a map are taken, that may be meant so: it is a warning.
func TestWarningOfHiddenNames(t *testing.T) {
	file := tempFile(t, "c.example.test web\nb.example.test web\na.example.test api\nexample.org web\n")
	for name, c := range map[string]struct {
		rule  string
		names int64
		first string
	}{
		"two names": {both, 2, "b.example.test"},
		"one name":  {exactA, 1, "a.example.test"},
		"none":      {overTLS, 0, ""},
		"wildcard":  {oneStar, 3, "c.example.test"},
		"suffix":    {anyDeep, 3, "c.example.test"},
	} {
		app, ctx := newApp(t, "web", "api")
		core, logged := observer.New(zapcore.DebugLevel)
		r := &frontend.Router{Logger: zap.New(core)}
		if err := addRules(ctx, app, r, parseRules(t, `[%s, {"backend_map": %q}]`, c.rule, file)); err != nil {
			t.Fatal(err)
		}
		if c.names == 0 {
			if logged.Len() > 0 {
				t.Errorf("%s: %v", name, logged.All())
			}
			continue
		}
		if logged.Len() != 1 {
			t.Fatalf("%s: %d log lines", name, logged.Len())
		}
		line := logged.All()[0]
		fields := line.ContextMap()
		if line.Level != zapcore.WarnLevel || fields["backend_map"] != file || fields["names"] != c.names || fields["first"] != c.first {
			t.Errorf("%s: %v %s %v", name, line.Level, line.Message, fields)
		}
	}
}

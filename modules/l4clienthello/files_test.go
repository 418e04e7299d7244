// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// tempFile writes a file and returns its name.
func tempFile(t testing.TB, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "names.txt")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFiles(t *testing.T) {
	for content, c := range map[string]struct{ yes, no string }{
		"a.test\n":                     {"a.test A.Test a.test.", "b.test www.a.test"},
		"a.test":                       {"a.test", "b.test"},
		"a.test\r\n*.b.test\r\n":       {"a.test www.b.test", "b.test"},
		"# all\n\n  .c.test  # deep\n": {"x.c.test x.y.c.test", "c.test all deep"},
		"#a.test\nb.test":              {"b.test", "a.test"},
		"\ufeffA.Test.\n":              {"a.test", "b.test"},
		"a.test\nb.test\na.test\n":     {"a.test b.test", "c.test"},
		"a.test\n*.test\n.test\n":      {"a.test b.test x.y.test", "test a.tests"},
	} {
		m := provisioned(t, Matcher{SNIFile: []string{tempFile(t, content)}})
		for name := range strings.FieldsSeq(c.yes) {
			if !m.MatchHello(inspected(t, hello(t, name))) {
				t.Errorf("%q does not match %q", content, name)
			}
		}
		for name := range strings.FieldsSeq(c.no) {
			if m.MatchHello(inspected(t, hello(t, name))) {
				t.Errorf("%q matches %q", content, name)
			}
		}
		if m.MatchHello(inspected(t, hello(t, ""))) {
			t.Errorf("%q matches a hello without a name", content)
		}
	}
}

func TestSeveralFiles(t *testing.T) {
	m := provisioned(t, Matcher{SNI: []string{"a.test"}, SNIFile: []string{tempFile(t, "b.test"), tempFile(t, "c.test")}})
	for name, want := range map[string]bool{"a.test": true, "b.test": true, "c.test": true, "d.test": false} {
		if got := m.MatchHello(inspected(t, hello(t, name))); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// An error has the file, the line and the expected form.
func TestInvalidFiles(t *testing.T) {
	for content, want := range map[string]string{
		"":                             `: no names: expected at least one`,
		"# nothing\n\r\n":              `: no names: expected at least one`,
		"a.test\n\n# b\nb..test\n":     `:4: invalid pattern "b..test": empty label, expected labels with one dot between them`,
		"a.test\r\nb.test:443\r\n":     `:2: invalid pattern "b.test:443": port or IPv6 address, expected a name only`,
		"https://a.test/\n":            `:1: invalid pattern "https://a.test/": URL or path, expected a name such as "www.example.com"`,
		"a.test\nb.test web\n":         `:2: "web" after the name: expected one name per line`,
		"a.test\n\n*\n":                `:3: invalid pattern "*": "*" alone, expected "*.example.com"`,
		"bücher.test\n":                `:1: invalid pattern "bücher.test": character outside ASCII, expected the "xn--" form of the name`,
		"www.*.test":                   `:1: invalid pattern "www.*.test": "*" within the name, expected it as the whole first label`,
		strings.Repeat("a", 64) + "\n": `label of 64 characters, expected at most 63`,
	} {
		file := tempFile(t, content)
		err := (&Matcher{SNIFile: []string{tempFile(t, "good.test"), file}}).Provision(caddy.Context{})
		if err == nil || !strings.HasPrefix(err.Error(), "sni_file: "+file) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", content, err, want)
		}
	}
	for file, want := range map[string]string{
		"missing.txt": "sni_file: open missing.txt: no such file or directory",
		t.TempDir():   "is a directory",
	} {
		if err := (&Matcher{SNIFile: []string{file}}).Provision(caddy.Context{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", file, err, want)
		}
	}
}

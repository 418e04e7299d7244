// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestFormat(t *testing.T) {
	f := &files{content: map[string]string{"m,]": "Www.Example.com be_x\n"}}
	for text, want := range map[string]string{
		"": "", "bk": "bk", "100%%": "100%", "%%%%": "%%", "%[req.ssl_sni]": "Www.Example.com", "a]b": "a]b",
		"bk_%[req.ssl_sni,field(2,.),lower]": "bk_example", "%[req.ssl_ver]%[req.ssl_alpn]": "196611h2",
		"%[ssl_fc_sni]x": "x", "%[req.ssl_sni,map('m,]')]": "be_x", "%[req.ssl_sni]]": "Www.Example.com]",
		"%[str(a),concat(])]": "a]", "%[bin(610062)]": "a", "%[wait_end]": "1", "%[src]:%[src_port]": "10.1.2.3:1234",
		"%[req.len,bool]": "1", "%%[src]": "%[src]", "%[str(%%)]": "%%",
	} {
		format, err := (&Loader{Open: f.open}).Format(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, final := range []bool{true, false} {
			if got := format.String(testInput(final)); got != want {
				t.Errorf("%s: %q, want %q", text, got, want)
			}
		}
	}
}

func TestFormatRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"%[foo]":             "failed to parse sample expression <foo]> : unknown fetch method 'foo'",
		"%[]":                "failed to parse sample expression <]> : missing fetch method",
		"a%":                 "truncated line after '%'",
		"x%[src":             "missing ']' after 'src'",
		"%[src,lower;]":      "expected ']' after 'src,lower', but found ';'",
		"x%[str(a),lower()b": "expected ']' after 'str(a),lower()', but found 'b'",
		"%ci":                "'%ci' is not supported: use an expression in brackets; a literal percent sign is '%%'",
		"a%-b":               "'%-b' is not supported: use an expression in brackets; a literal percent sign is '%%'",
		"%{+Q}[src]":         "'%{' is not supported: use an expression in brackets; a literal percent sign is '%%'",
		"% x":                "'% x' is not supported: use an expression in brackets; a literal percent sign is '%%'",
		"%é":                 "'%é' is not supported: use an expression in brackets; a literal percent sign is '%%'",
	} {
		if _, err := new(Loader).Format(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := new(Loader).Format("%ci"); !isUnsupported(err) {
		t.Error(err)
	}
}

func TestFormatNeedsRequest(t *testing.T) {
	for text, want := range map[string]bool{
		"bk": false, "%[src]": false, "%[req.ssl_sni]%[src]": true, "%[src]%[req.ssl_sni]": true,
	} {
		format, err := new(Loader).Format(text)
		if err != nil || format.NeedsRequest() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func renameTo(names map[string]string) func(string) (string, error) {
	return func(name string) (string, error) {
		if renamed, ok := names[name]; ok {
			return renamed, nil
		}
		return "", errors.New("no " + name)
	}
}

func TestRewriteFiles(t *testing.T) {
	file := renameTo(map[string]string{"a": "/x/a", "b,c": "/x/b", "d": "/x y,z", "": "empty", "e": `q"\`})
	for text, want := range map[string]string{
		"req.ssl_sni":                        "req.ssl_sni",
		"req.ssl_sni,map(a)":                 "req.ssl_sni,map(/x/a)",
		"req.ssl_sni,lower,map_end(a,b)":     "req.ssl_sni,lower,map_end(/x/a,b)",
		`req.ssl_sni,map("a",'b,c'),map(a)`:  `req.ssl_sni,map(/x/a,'b,c'),map(/x/a)`,
		`req.ssl_sni,map_str_int('b,c',5)`:   `req.ssl_sni,map_str_int(/x/b,5)`,
		"req.ssl_sni,map(d)":                 `req.ssl_sni,map("/x y,z")`,
		"req.ssl_sni,map(e)":                 `req.ssl_sni,map("q\"\\")`,
		"req.ssl_sni,map(opt@a)":             "req.ssl_sni,map(opt@/x/a)",
		"req.ssl_sni,map(opt@d)":             `req.ssl_sni,map("opt@/x y,z")`,
		"req.ssl_sni,map(file@a)":            "req.ssl_sni,map(file@/x/a)",
		"req.ssl_sni,map(virt@whatever)":     "req.ssl_sni,map(virt@whatever)",
		"req.ssl_sni,map()":                  "req.ssl_sni,map(empty)",
		"req.ssl_sni,map":                    "req.ssl_sni,map",
		"req.ssl_sni,,map(a),":               "req.ssl_sni,,map(/x/a),",
		"map(a),mapping(a),regsub(a,map(a))": "error",
		"map(a),mapping(a)":                  "map(a),mapping(a)",
		"unknown(a),map_regm(a)":             "unknown(a),map_regm(/x/a)",
		"req.ssl_sni,map(none)":              "error", "": "error", ",map(a)": "error", "src;": "error", "src,map(a": "error", `src,map(a\`: "error",
		"src,map(a)x": "error",
	} {
		got, err := RewriteFiles(text, file)
		if want == "error" {
			if err == nil {
				t.Errorf("%s: %s", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestRewriteFormatFiles(t *testing.T) {
	file := renameTo(map[string]string{"a": "/x/a", "b]": "/x/[b]"})
	for text, want := range map[string]string{
		"": "", "bk": "bk", "%%[map(a)]": "%%[map(a)]", "100%": "100%", "%ci": "%ci",
		"x%[src,map_ip(a)]y%[src,map_ip('b]')]]": `x%[src,map_ip(/x/a)]y%[src,map_ip("/x/[b]")]]`,
		"%[src":                                  "error", "%[src;]": "error", "%[]": "error", "%[src,map(none)]": "error", "%[src,map(a]": "error",
	} {
		got, err := RewriteFormatFiles(text, file)
		if want == "error" {
			if err == nil {
				t.Errorf("%s: %s", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestRewriteReadsBack loads expressions after a rewrite with any file name.
func TestRewriteReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.RuneFrom([]rune("ab,()[]'\"\\ %@é"))).Draw(t, "name")
		f := &files{content: map[string]string{name: "a b\n"}}
		rename := func(string) (string, error) { return name, nil }
		text, err := RewriteFiles("str(a),map(old,x)", rename)
		if err != nil {
			t.Fatal(err)
		}
		e, err := (&Loader{Open: f.open}).Expression(text)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := e.Eval(&Input{}); v.String() != "b" {
			t.Fatalf("%s: %s", text, v)
		}
		if text, err = RewriteFormatFiles("%%x%[str(a),map(old,x)]%%", rename); err != nil {
			t.Fatal(err)
		}
		format, err := (&Loader{Open: f.open}).Format(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := format.String(&Input{}); got != "%xb%" {
			t.Fatalf("%s: %s", text, got)
		}
	})
}

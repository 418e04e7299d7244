// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
)

const (
	someJA3 = "de350869b8c85de67a350c8d186f11e6"
	someJA4 = "t13d1516h2_8daaf6152771_e5627efa2ab1"
)

// A Caddyfile becomes this JSON, and the JSON becomes the same matcher.
func TestCaddyfile(t *testing.T) {
	for input, want := range map[string]string{
		"client_hello":                                                  `{}`,
		"client_hello {\n}":                                             `{}`,
		"client_hello no_sni":                                           `{"no_sni":true}`,
		"client_hello sni a.test *.b.test .c.test":                      `{"sni":["a.test","*.b.test",".c.test"]}`,
		"client_hello alpn h2 acme-tls/1":                               `{"alpn":["h2","acme-tls/1"]}`,
		"client_hello {\n sni a.test\n alpn h2\n}":                      `{"sni":["a.test"],"alpn":["h2"]}`,
		"client_hello sni a.test {\n alpn h2\n}":                        `{"sni":["a.test"],"alpn":["h2"]}`,
		"client_hello no_sni ech post_quantum sni a.test":               `{"sni":["a.test"],"no_sni":true,"ech":true,"post_quantum":true}`,
		"client_hello sni_file NAMES":                                   `{"sni_file":["NAMES"]}`,
		"client_hello sni_regexp ^www a|b `^\\d+\\.c` \"d e\"":          `{"sni_regexp":["^www","a|b","^\\d+\\.c","d e"]}`,
		"client_hello version 1.3 -1.1 1.0-1.2 ssl3 1.2-":               `{"version":["1.3","-1.1","1.0-1.2","ssl3","1.2-"]}`,
		"client_hello ja3 " + someJA3:                                   `{"ja3":["` + someJA3 + `"]}`,
		"client_hello ja4 " + someJA4 + " t13d1516h2_*_*":               `{"ja4":["` + someJA4 + `","t13d1516h2_*_*"]}`,
		"client_hello ja4 *_8daaf6152771_* *_8daaf6152771_e5627efa2ab1": `{"ja4":["*_8daaf6152771_*","*_8daaf6152771_e5627efa2ab1"]}`,
	} {
		names := tempFile(t, "n.test")
		input, want := strings.ReplaceAll(input, "NAMES", names), strings.ReplaceAll(want, "NAMES", names)
		var got Matcher
		if err := got.UnmarshalCaddyfile(caddyfile.NewTestDispenser(input)); err != nil {
			t.Errorf("%q: %v", input, err)
			continue
		}
		if diff := cmp.Diff(want, string(caddyconfig.JSON(got, nil))); diff != "" {
			t.Errorf("%q: -want +got\n%s", input, diff)
		}
		again := fromJSON(t, want)
		if err := got.Provision(caddy.Context{}); err != nil || !reflect.DeepEqual(&got, again) {
			t.Errorf("%q: %+v (%v), want %+v", input, got, err, again)
		}
	}
}

const (
	wantVersion = ": expected ssl3, 1.0, 1.1, 1.2, 1.3 or a range such as 1.0-1.2, 1.2- or -1.1"
	wantJA3     = ": expected a JA3 fingerprint, 32 hexadecimal digits in lower case"
	wantJA4     = ": expected a JA4 fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1, in which parts may be *"
	wantALPN    = ": expected a protocol name such as h2 or http/1.1"
)

// mistakes holds invalid arguments by option, with the rest of the error after the argument. Both
// forms of the configuration reject them.
var mistakes = []struct {
	option string
	words  []string
	want   string
}{
	{"version", []string{"", "-", "--", "1", "1.4", "2.0", "tls1.2", "TLS1.3", "1.3-1.2", "1.0-1.1-1.2", "1.2-x", "x-1.2", "1.2 -", "0x0304", "SSL3", "*"}, wantVersion},
	{"ja3", []string{"", "*", someJA3[1:], someJA3 + "0", strings.ToUpper(someJA3), someJA4, "771,4865,0,29,0", strings.Repeat("g", 32)}, wantJA3},
	{"ja4", []string{
		"", "*", "*_*", "*_*_*", "__", "*_*_", "t13d1516h2", "t13d1516h2_*", someJA4 + "_*", someJA4 + "0", "x" + someJA4, strings.ToUpper(someJA4),
		"t13d1516h2__*", "t13*_*_*", "t13d1516h2_8daa*_*", "**_8daaf6152771_*", someJA3,
	}, wantJA4},
	{"alpn", []string{"", "h2,http/1.1", "h 2", strings.Repeat("h", 256)}, wantALPN},
	{"sni", []string{"", "a..test", "*", "a.*.test", "https://a.test", "a.test:443", strings.Repeat("a", 64)}, ", expected "},
	{"sni_regexp", []string{""}, ": expected a regular expression"},
	{"sni_regexp", []string{"(", "a)", "[z", "a**", `\`, "(?<n", "a{1001}", `(?=a)`}, ": error parsing regexp: "},
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		for _, word := range c.words {
			m := new(Matcher)
			input := fmt.Sprintf("client_hello {\n%s `%s`\n}", c.option, word)
			err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser(input))
			if err == nil || !strings.HasPrefix(err.Error(), c.option+": ") || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Testfile:2") {
				t.Errorf("%s:\n got %v\nwant %s", input, err, c.want)
			}
			m = new(Matcher)
			if err := caddy.StrictUnmarshalJSON(fmt.Appendf(nil, `{%q: [%q]}`, c.option, word), m); err != nil {
				t.Fatal(err)
			}
			if err := m.Provision(caddy.Context{}); err == nil || !strings.HasPrefix(err.Error(), c.option+": ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %q in JSON:\n got %v\nwant %s", c.option, word, err, c.want)
			}
		}
	}
}

func TestCaddyfileMistakes(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"client_hello {\n sin a.test\n}", `unknown option "sin"; did you mean "sni"? (known: alpn, ech, ja3, ja4, no_sni, post_quantum, sni, sni_file, sni_regexp, version), at Testfile:2`},
		{"client_hello {\n sni a.test\n sni b.test\n}", `option "sni" is given twice, at Testfile:3`},
		{"client_hello no_sni ech no_sni", `option "no_sni" is given twice, at Testfile:1`},
		{"client_hello {\n ech on\n}", `unexpected "on": the line should have ended before it, at Testfile:2`},
		{"client_hello ech yes", `unknown option "yes"`},
		{"client_hello post_quantum {\n on\n}", `unknown option "on"`},
		{"client_hello sni a.test alpn h2", `sni takes the rest of its line: expected alpn on a line of its own, in a block, at Testfile:1`},
		{`client_hello sni "a..test"`, `sni: invalid pattern "a..test": empty label`},
	} {
		err := new(Matcher).UnmarshalCaddyfile(caddyfile.NewTestDispenser(c.input))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.input, err, c.want)
		}
	}
}

// An option's name among the arguments of another was meant to begin a line.
func TestOptionNamesAreNoArguments(t *testing.T) {
	table := new(Matcher).Options()
	if got, want := slices.Sorted(maps.Keys(table)), slices.Sorted(slices.Values(optionNames)); !slices.Equal(got, want) {
		t.Errorf("options %q, names of options %q", got, want)
	}
	first := map[string]string{"sni_file": "names.txt", "sni_regexp": "^www", "version": "1.3", "ja3": someJA3, "ja4": someJA4}
	for _, option := range optionNames {
		if option == "no_sni" || option == "ech" || option == "post_quantum" {
			continue
		}
		err := new(Matcher).UnmarshalCaddyfile(caddyfile.NewTestDispenser("client_hello " + option))
		if want := fmt.Sprintf("%q needs at least one argument, at Testfile:1", option); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s alone: error %v, want %s", option, err, want)
		}
		word := first[option]
		if word == "" {
			word = "a.test"
		}
		for _, other := range optionNames {
			err := new(Matcher).UnmarshalCaddyfile(caddyfile.NewTestDispenser("client_hello " + option + " " + word + " " + other))
			want := fmt.Sprintf("%s takes the rest of its line: expected %s on a line of its own", option, other)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s %s %s: error %v, want %s", option, word, other, err, want)
			}
		}
	}
}

// Rules that only list names go into one table: Names must return all of them.
func TestNames(t *testing.T) {
	file := tempFile(t, "b.test\n*.c.test\n")
	for _, c := range []struct {
		m         Matcher
		names     string // empty: ok is false
		namesOnly bool
	}{
		{Matcher{}, "", false},
		{Matcher{SNI: []string{"a.test"}}, "a.test", true},
		{Matcher{SNIFile: []string{file}}, "b.test *.c.test", true},
		{Matcher{SNI: []string{"a.test"}, SNIFile: []string{file}}, "a.test b.test *.c.test", true},
		{Matcher{SNIRegexp: []string{"^a"}}, "", false},
		{Matcher{SNI: []string{"a.test"}, SNIRegexp: []string{"^a"}}, "", false},
		{Matcher{NoSNI: true}, "", false},
		{Matcher{SNI: []string{"a.test"}, NoSNI: true}, "", false},
		{Matcher{ALPN: []string{"h2"}}, "", false},
		{Matcher{SNI: []string{"a.test"}, ALPN: []string{"h2"}}, "a.test", false},
		{Matcher{SNI: []string{"a.test"}, Version: []string{"1.3"}}, "a.test", false},
		{Matcher{SNI: []string{"a.test"}, ECH: true}, "a.test", false},
		{Matcher{SNI: []string{"a.test"}, PostQuantum: true}, "a.test", false},
		{Matcher{SNI: []string{"a.test"}, JA3: []string{someJA3}}, "a.test", false},
		{Matcher{SNIFile: []string{file}, JA4: []string{someJA4}}, "b.test *.c.test", false},
	} {
		config := string(caddyconfig.JSON(c.m, nil))
		m := provisioned(t, c.m)
		got, ok := m.Names()
		if strings.Join(got, " ") != c.names || ok != (c.names != "") || m.NamesOnly() != c.namesOnly {
			t.Errorf("%s: names %q, %v; names only %v", config, got, ok, m.NamesOnly())
		}
		if got, want := m.Empty(), config == "{}"; got != want {
			t.Errorf("%s: empty %v", config, got)
		}
	}
}

// A matcher with any field set is not empty.
func TestEveryFieldMakesMatcherNonEmpty(t *testing.T) {
	for _, name := range optionNames {
		value := "true"
		if name != "no_sni" && name != "ech" && name != "post_quantum" {
			value = `["x"]`
		}
		m := new(Matcher)
		if err := caddy.StrictUnmarshalJSON(fmt.Appendf(nil, "{%q: %s}", name, value), m); err != nil {
			t.Fatal(err)
		}
		if m.Empty() {
			t.Errorf("%s asks for nothing", name)
		}
	}
}

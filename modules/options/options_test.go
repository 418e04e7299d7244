// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
)

type sample struct {
	Delay   caddy.Duration
	Weight  int
	Retries *int
	Backup  bool
	Name    string
	Notes   []string
	Inner   struct{ Weight int }
}

func (s *sample) table() Table {
	return Table{
		"delay":   Duration(&s.Delay),
		"weight":  Int(&s.Weight, 0, 256),
		"retries": Optional(&s.Retries, func(n *int) Option { return Int(n, 0, 100) }),
		"backup": Once(func(*caddyfile.Dispenser) error {
			s.Backup = true
			return nil
		}),
		"name": Once(func(d *caddyfile.Dispenser) (err error) {
			s.Name, err = Arg(d)
			return err
		}),
		"note": Repeatable(func(d *caddyfile.Dispenser) error {
			s.Notes = append(s.Notes, strings.Join(d.RemainingArgs(), "+"))
			return nil
		}),
		"inner": Once(Table{"weight": Int(&s.Inner.Weight, 0, 9)}.ParseBlock),
	}
}

func parse(t *testing.T, input string) (sample, error) {
	t.Helper()
	d := caddyfile.NewTestDispenser(input)
	d.Next()
	var s sample
	return s, s.table().ParseLine(d)
}

func TestParse(t *testing.T) {
	input := "thing weight 5 backup {\n delay 1m\n retries 0\n note a b\n note c\n inner {\n  weight 7\n }\n name \"x y\"\n}"
	d := caddyfile.NewTestDispenser(input)
	d.Next()
	var got sample
	if err := got.table().ParseLine(d); err != nil {
		t.Fatal(err)
	}
	zero := 0
	want := sample{Delay: caddy.Duration(60e9), Weight: 5, Retries: &zero, Backup: true, Name: "x y", Notes: []string{"a+b", "c"}}
	want.Inner.Weight = 7
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"thing {\n wieght 5\n}", `unknown option "wieght"; did you mean "weight"? (known: backup, delay, inner, name, note, retries, weight), at Testfile:2`},
		{"thing zzzzzzz", `unknown option "zzzzzzz" (known:`},
		{"thing weight 300", `weight: "300": expected a whole number from 0 to 256, at Testfile:1`},
		{"thing {\n weight\n}", `"weight" needs an argument, at Testfile:2`},
		{"thing {\n weight 5 6\n}", `unexpected "6": the line should have ended before it, at Testfile:2`},
		{"thing {\n\n delay 5\n}", `delay: "5" is not a duration: expected a number with a unit, such as 500ms, 5s or 1m, at Testfile:3`},
		{"thing delay -1s", `delay: -1s: expected a duration greater than zero`},
		{"thing weight 1 {\n weight 2\n}", `option "weight" is given twice, at Testfile:2`},
		{"thing {\n retries x\n}", `retries: "x": expected a whole number from 0 to 100`},
		{"thing {\n backup {\n }\n}", `unexpected block`},
	} {
		_, err := parse(t, c.input)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.input, err, c.want)
		}
	}
}

// Options of one object in several blocks.
func TestOnceInSeveralBlocks(t *testing.T) {
	var s sample
	given := make(map[string]string)
	for i, c := range []struct{ input, want string }{
		{"thing {\n weight 1\n note a\n}", ""},
		{"thing {\n note b\n backup\n}", ""},
		{"thing {\n note c\n weight 2\n}", `option "weight" is given twice, first at Testfile:2, at Testfile:3`},
		{"thing {\n backup\n}", `option "backup" is given twice, first at Testfile:3, at Testfile:2`},
		{"thing {\n retries 1\n retries 1\n}", `option "retries" is given twice, at Testfile:3`},
	} {
		d := caddyfile.NewTestDispenser(c.input)
		d.Next()
		got := ""
		if err := s.table().OnceIn(given).ParseBlock(d); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("block %d: got %s, want %s", i+1, got, c.want)
		}
	}
	if s.Weight != 1 || len(s.Notes) != 3 || !s.Backup {
		t.Errorf("parsed %+v", s)
	}
}

func TestParseBlockTakesNoWords(t *testing.T) {
	d := caddyfile.NewTestDispenser("thing backup {\n}")
	d.Next()
	var s sample
	if err := s.table().ParseBlock(d); err == nil || !strings.Contains(err.Error(), `unexpected "backup"`) {
		t.Errorf("got %v", err)
	}
}

func TestSuggest(t *testing.T) {
	matchers := []string{"acl", "alpn", "remote_ip", "sni", "ssh", "version"}
	backend := []string{"balance", "check", "redispatch", "retries", "server", "timeouts"}
	frontend := append([]string{"default_backend", "timeout_client", "timeout_client_fin", "use_backend", "use_backend_map"}, backend...)
	for _, c := range []struct {
		word  string
		known []string
		want  string // the suggestion
	}{
		{"wbe", []string{"web", "api"}, "web"}, // edits
		{"WEB", []string{"web", "api"}, "web"},
		{"mail", []string{"web", "api"}, ""},
		{"use-backend", frontend, "use_backend"}, // other separators
		{"usebackend", frontend, "use_backend"},
		{"Timeout-Client", frontend, "timeout_client"},
		{"-", frontend, ""},
		{"host", matchers, "sni"}, // synonyms before edits, which would lead to ssh
		{"Host", matchers, "sni"},
		{"tls-version", matchers, "version"},
		{"inter", []string{"interval", "port", "rise"}, "interval"},
		{"lb_policy", backend, "balance"},
		{"to", backend, "server"},
		{"upstream", backend, "server"},
		{"proxy-next-upstream", backend, "redispatch"},
		{"timeout", backend, "timeouts"}, // a synonym of two words
		{"timeout", frontend, "timeout_client"},
		{"connect_timeout", backend, "timeouts connect"},
		{"client_timeout", backend, "timeouts client"},
		{"client_timeout", frontend, "timeout_client"},
		{"least_conn", backend, "balance leastconn"},
		{"least_conn", []string{"first", "leastconn"}, "leastconn"},
		{"ip_hash", []string{"hash", "source"}, "source"},
		{"dispatch", []string{"allbackups", "redispatch"}, "redispatch"}, // a part
		{"inspect", []string{"inspect_delay", "max_hello"}, "inspect_delay"},
		{"web_production_eu", []string{"api", "web"}, "web"},
		{"abc", []string{"xxabcxx", "abcdefghijk"}, "abcdefghijk"}, // a prefix before an infix
		{"ab", []string{"abcdefghijk"}, ""},                        // too short to mean anything
	} {
		want := ""
		if c.want != "" {
			want = fmt.Sprintf("; did you mean %q?", c.want)
		}
		want += " (known: " + strings.Join(slices.Sorted(slices.Values(c.known)), ", ") + ")"
		if got := Suggest(c.word, c.known); got != want {
			t.Errorf("Suggest(%q) = %s, want %s", c.word, got, want)
		}
	}
	if got := Suggest("x", nil); got != " (none are known)" {
		t.Errorf("of none: %s", got)
	}
}

// The suggested word is always listed, and a shortened list has the nearest words.
func TestSuggestFromMany(t *testing.T) {
	var known []string
	for i := range 48 {
		known = append(known, fmt.Sprintf("a%02d", i))
	}
	if got := Suggest("zz", known); got != " (known: "+strings.Join(known, ", ")+")" {
		t.Errorf("48 words are not listed whole: %s", got)
	}
	known = append(known, "web-3", "web-1", "web-2")
	got := Suggest("web-4", known)
	if want := `; did you mean "web-1"? (known: web-1, web-2, web-3, a04, `; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " and 39 more)") {
		t.Errorf("got %s, want %s… and 39 more)", got, want)
	}
	known = append(known, "production-of-the-web-site")
	if got := Suggest("production", known); !strings.HasPrefix(got, `; did you mean "production-of-the-web-site"? (known: production-of-the-web-site, `) {
		t.Errorf("got %s", got)
	}
}

// Every synonym leads to its meaning if that is the only known word.
func TestSynonyms(t *testing.T) {
	for word, meanings := range synonyms {
		for _, meaning := range meanings {
			first, _, _ := strings.Cut(meaning, " ")
			if got := Nearest(word, []string{first}); got != meaning && !sameWords(word, first) {
				t.Errorf("%s: got %q, want %q", word, got, meaning)
			}
		}
	}
}

// sameWords reports whether a synonym would be found without the table.
func sameWords(a, b string) bool { return sameLetters(a, []string{b}) != "" }

func TestAdviceForUnknownOption(t *testing.T) {
	for line, want := range map[string]string{
		"sunshine":  `"sunshine" is not an option here: write it in the shade`,
		"Sun-Shine": `unknown option "Sun-Shine"; did you mean "sunshine"? It is not an option here: write it in the shade`,
		"sni-file":  `"sni-file" is not an option here: write it in the shade`,
		"domain":    `unknown option "domain"; did you mean "sni"? It is not an option here: write it in the shade`,
		"wieght":    `unknown option "wieght"; did you mean "weight"?`,
		"share":     `unknown option "share"; did you mean "weight"? (known: `, // an option before a mere advice
		"zzzzzz":    `unknown option "zzzzzz" (known: backup, delay, inner, name, note, retries, weight)`,
	} {
		var s sample
		table := s.table().With(Advice{"sni": "write it in the shade"}.Add("write it in the shade", "sunshine", "weight", "sni_file", "sha_re").Add("not there", "sni", "name"))
		d := caddyfile.NewTestDispenser("thing {\n weight 3\n " + line + "\n}")
		d.Next()
		if err := table.ParseBlock(d); err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), ", at Testfile:3") {
			t.Errorf("%s: got %v", line, err)
		}
	}
}

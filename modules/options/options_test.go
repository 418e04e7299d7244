// SPDX-License-Identifier: Apache-2.0

package options

import (
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
		"retries": Set(&s.Retries, func(n *int) Option { return Int(n, 0, 100) }),
		"backup": Func(func(*caddyfile.Dispenser) error {
			s.Backup = true
			return nil
		}),
		"name": Func(func(d *caddyfile.Dispenser) (err error) {
			s.Name, err = Arg(d)
			return err
		}),
		"note": Many(func(d *caddyfile.Dispenser) error {
			s.Notes = append(s.Notes, strings.Join(d.RemainingArgs(), "+"))
			return nil
		}),
		"inner": Func(Table{"weight": Int(&s.Inner.Weight, 0, 9)}.ParseBlock),
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

func TestMistakes(t *testing.T) {
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

func TestParseBlockTakesNoWords(t *testing.T) {
	d := caddyfile.NewTestDispenser("thing backup {\n}")
	d.Next()
	var s sample
	if err := s.table().ParseBlock(d); err == nil || !strings.Contains(err.Error(), `unexpected "backup"`) {
		t.Errorf("got %v", err)
	}
}

func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		word  string
		known []string
		want  string
	}{
		{"wbe", []string{"web", "api"}, `; did you mean "web"? (known: api, web)`},
		{"WEB", []string{"web", "api"}, `; did you mean "web"? (known: api, web)`},
		{"mail", []string{"web", "api"}, ` (known: api, web)`},
		{"x", nil, " (there are none)"},
		{"s1", strings.Split("s2 s3 s4 s5 s6 s7 s8 s9 t0 t1 t2 t3 t4 t5", " "), `; did you mean "s2"? (known: s2, s3, s4, s5, s6, s7, s8, s9, t0, t1, t2, t3 and 2 more)`},
	} {
		if got := Suggest(c.word, c.known); got != c.want {
			t.Errorf("Suggest(%q) = %s, want %s", c.word, got, c.want)
		}
	}
}

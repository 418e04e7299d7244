// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"causative.go":     {"// remove has the timer of a session not fire.\nfunc remove() {}", []string{"causative", "func-doc"}},
		"obligation.go":    {"// wait waits for bytes that have to come: it has been sent, and has a use.\nfunc wait() {}", nil},
		"person.go":        {"// close closes whoever waits.\nfunc close() {}", []string{"person"}},
		"thing.go":         {"// what is little\nvar x = 1", []string{"what-is"}},
		"number.go":        {"// size is how many there are.\nfunc size() {}", []string{"func-doc", "is-how"}},
		"message.go":       {"var text = \"server drains no more\"\n\nvar other = `nobody`", []string{"no-more"}},
		"count.go":         {"// no more than three\nvar x = 1", nil},
		"name.go":          {"// it stops.\nfunc stop() {}", []string{"func-doc"}},
		"convention.go":    {"// stop stops fd.\nfunc stop() {}", nil},
		"wide.go":          {"// " + strings.Repeat("long ", 20) + "\nvar x = 1", []string{"width"}},
		"directive.go":     {"//go:" + strings.Repeat("x", 200) + "\n\nvar x = 1 //nolint:x // " + strings.Repeat("x", 200), nil},
		"some_test.go":     {"// size is of use.\nfunc TestWhatIsNoHelloDoesNotMatch(t *T) { fatal(\"nobody is told\") }", []string{"test-name"}},
		"other_test.go":    {"func TestNonTLSNeverMatches(t *T) {}", nil},
		"document.md":      {"Who waits is told.\n\n```\nwho\n```\n`who` waits", []string{"person", "told"}},
		"import.go":        {"import _ \"who is here\"", nil},
		"forever.md":       {"It stays for ever, so many of them, and is none; it speaks of them.", []string{"for-ever", "none", "so-many", "speaks-of"}},
		"for-ever-name.go": {"var forEver = 1", nil},
	} {
		text := c.text
		if strings.HasSuffix(name, ".go") {
			text = "package x\n\n" + text
		}
		found, err := inspect(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range sorted(count(found)) {
			got = append(got, k.pattern)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestAllowed(t *testing.T) {
	allowed, err := parse(format(map[key]int{{"a.go", "person"}: 2, {"b.md", "none"}: 1}))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		counts  map[key]int
		want    string // a part of the error
		lowered map[key]int
	}{
		"the same": {map[key]int{{"a.go", "person"}: 2, {"b.md", "none"}: 1}, "", allowed},
		"more":     {map[key]int{{"a.go", "person"}: 3, {"b.md", "none"}: 1}, `a.go: "person" 3 times, allowed 2`, allowed},
		"new":      {map[key]int{{"a.go", "person"}: 2, {"b.md", "none"}: 1, {"c.go", "told"}: 1}, `c.go: "told" 1 times, allowed 0`, allowed},
		"less":     {map[key]int{{"a.go", "person"}: 1}, "lower it", map[key]int{{"a.go", "person"}: 1}},
	} {
		err := compare(c.counts, allowed)
		if c.want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if diff := cmp.Diff(c.lowered, lower(allowed, c.counts)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	for _, line := range []string{"a.go person", "a.go person none", "a.go person 0"} {
		if _, err := parse(line); err == nil {
			t.Errorf("%q is parsed", line)
		}
	}
}

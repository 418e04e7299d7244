// SPDX-License-Identifier: Apache-2.0

package names

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// newTable returns a table of patterns, each with its position as its rule.
func newTable(t rapid.TB, patterns ...string) *Table {
	var table Table
	for rule, pattern := range patterns {
		if err := table.Add(pattern, Target{Rule: rule}); err != nil {
			t.Fatal(err)
		}
	}
	return &table
}

const none = -1

func lookup(table *Table, name string) int {
	if to, ok := table.Lookup([]byte(name)); ok {
		return to.Rule
	}
	return none
}

func hides(table *Table, pattern string) int {
	if rule, ok := table.Hides(pattern); ok {
		return rule
	}
	return none
}

func TestLookup(t *testing.T) {
	mixed := []string{"www.example.com", "*.example.com", ".example.com", "*.b.example.com", "com", ".com"}
	tests := []struct {
		name     string
		patterns []string
		want     map[string]int
	}{
		{"empty table", nil, map[string]int{"": none, ".": none, "a": none, "a.b": none}},
		{
			"exact",
			[]string{"example.com"},
			map[string]int{"example.com": 0, "www.example.com": none, "example.co": none, "xexample.com": none, "com": none, "": none},
		},
		{
			"wildcard",
			[]string{"*.example.com"},
			map[string]int{
				"example.com": none, "a.example.com": 0, "b.a.example.com": none, ".example.com": none, "..example.com": none,
				"*.example.com": 0, "aexample.com": none, "a.example.com.": none, "a.example.comx": none,
			},
		},
		{
			"suffix",
			[]string{".example.com"},
			map[string]int{
				"example.com": none, "a.example.com": 0, "b.a.example.com": 0, ".example.com": none, "notexample.com": none,
				"example.com.evil.net": none, "a.example.com.evil.net": none,
			},
		},
		{
			"domain",
			[]string{"+.example.com"},
			map[string]int{
				"example.com": 0, "a.example.com": 0, "b.a.example.com": 0, ".example.com": none, "notexample.com": none, "com": none,
				"+.example.com": 0, "example.com.evil.net": none,
			},
		},
		{
			"least of all kinds", mixed,
			map[string]int{
				"www.example.com": 0, "b.example.com": 1, "a.b.example.com": 2, "c.a.b.example.com": 2, "example.com": 5,
				"com": 4, "org": none, "a.org": none,
			},
		},
		{"suffix first", []string{".example.com", "*.example.com", "www.example.com"}, map[string]int{"www.example.com": 0}},
		{"upper suffix first", []string{".com", ".example.com"}, map[string]int{"www.example.com": 0}},
		{"case and dot of the pattern", []string{"WWW.Example.com.", "*.ORG."}, map[string]int{"www.example.com": 0, "a.org": 1}},
		{"the same pattern again", []string{"a.b", "A.b.", "*.c", "*.C"}, map[string]int{"a.b": 0, "x.c": 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := newTable(t, tt.patterns...)
			for name, want := range tt.want {
				if got := lookup(table, name); got != want {
					t.Errorf("Lookup(%q) = %d, want %d", name, got, want)
				}
			}
		})
	}
}

// TestLookupWithinRule puts all patterns into one rule: the value shows which of them won.
func TestLookupWithinRule(t *testing.T) {
	patterns := []string{".com", ".example.com", "*.example.com", "*.b.example.com", "www.example.com", ".b.example.com", "*.com"}
	want := map[string]string{
		"www.example.com":       "www.example.com",
		"api.example.com":       "*.example.com",
		"a.api.example.com":     ".example.com",
		"b.example.com":         "*.example.com",
		"a.b.example.com":       "*.b.example.com",
		"c.a.b.example.com":     ".b.example.com",
		"d.c.a.b.example.com":   ".b.example.com",
		"www.www.example.com":   ".example.com",
		"example.com":           "*.com",
		"a.example.org.net.com": ".com",
	}
	for _, order := range []func(int) int{
		func(k int) int { return k },
		func(k int) int { return len(patterns) - 1 - k },
	} {
		var table Table
		for k := range patterns {
			add(t, &table, patterns[order(k)], Target{Rule: 4, Value: order(k)})
		}
		for name, pattern := range want {
			to, ok := table.Lookup([]byte(name))
			if !ok || to.Rule != 4 || patterns[to.Value] != pattern {
				t.Errorf("Lookup(%q) = %v, %v; want that of %q", name, to, ok, pattern)
			}
		}
	}
}

// Specificity counts only within one rule.
func TestLookupLowestRule(t *testing.T) {
	var table Table
	add(t, &table, "www.example.com", Target{2, 20})
	add(t, &table, "*.example.com", Target{1, 10})
	add(t, &table, ".com", Target{1, 11})
	add(t, &table, ".example.org", Target{-1, -10})
	add(t, &table, "www.example.org", Target{0, 0})
	for name, want := range map[string]Target{
		"www.example.com": {1, 10}, "a.b.example.com": {1, 11}, "www.example.org": {-1, -10}, "org": {},
	} {
		if got, ok := table.Lookup([]byte(name)); got != want || ok != (want != Target{}) {
			t.Errorf("Lookup(%q) = %v, %v; want %v", name, got, ok, want)
		}
	}
}

func add(t rapid.TB, table *Table, pattern string, to Target) {
	t.Helper()
	if err := table.Add(pattern, to); err != nil {
		t.Fatal(err)
	}
}

// TestAddKeepsLowestRule adds rules out of order.
func TestAddKeepsLowestRule(t *testing.T) {
	for _, pattern := range []string{"a.b", "*.b", ".b"} {
		var table Table
		for value, rule := range []int{7, 3, 5, 3} {
			add(t, &table, pattern, Target{rule, value})
		}
		if got, _ := table.Lookup([]byte("a.b")); got != (Target{3, 1}) {
			t.Errorf("%s: got %v, want the first with rule 3", pattern, got)
		}
	}
}

func TestAddRefusesWideNumbers(t *testing.T) {
	var table Table
	add(t, &table, "a.b", Target{math.MaxInt32, math.MinInt32})
	if got, ok := table.Lookup([]byte("a.b")); !ok || got != (Target{math.MaxInt32, math.MinInt32}) {
		t.Errorf("got %v, %v", got, ok)
	}
	wide := math.MaxInt32 // a variable, so that it compiles where an int has 32 bits
	wide++
	if wide < 0 {
		t.Skip("no int is wider")
	}
	for _, to := range []Target{{Rule: wide}, {Value: wide}} {
		if err := table.Add("c.d", to); err == nil || !strings.Contains(err.Error(), "32 bits") {
			t.Errorf("Add(%v): %v", to, err)
		}
	}
	if _, ok := table.Lookup([]byte("c.d")); ok {
		t.Error("added all the same")
	}
}

func TestHides(t *testing.T) {
	tests := []struct {
		patterns []string
		want     map[string]int
	}{
		{nil, map[string]int{"a.b": none, "*.b": none, ".b": none}},
		{
			[]string{"www.example.com"},
			map[string]int{"www.example.com": 0, "WWW.example.com.": 0, "*.example.com": none, ".example.com": none, ".www.example.com": none},
		},
		{
			[]string{"*.example.com"},
			map[string]int{
				"www.example.com": 0, "example.com": none, "a.b.example.com": none, "*.example.com": 0, ".example.com": none,
				"*.com": none, "*.a.example.com": none, ".a.example.com": none,
			},
		},
		{
			[]string{".example.com"},
			map[string]int{
				"www.example.com": 0, "example.com": none, "a.b.example.com": 0, "*.example.com": 0, "*.a.example.com": 0,
				".example.com": 0, ".a.example.com": 0, "*.com": none, ".com": none, ".notexample.com": none,
			},
		},
		{
			[]string{"+.example.com"},
			map[string]int{
				"www.example.com": 0, "example.com": 0, "a.b.example.com": 0, "*.example.com": 0, ".example.com": 0, "+.example.com": 0,
				"+.a.example.com": 0, "+.com": none, ".com": none, "com": none,
			},
		},
		{[]string{".com"}, map[string]int{"+.com": none, "+.example.com": 0}},
		{[]string{"*.b", ".b"}, map[string]int{"*.b": 0, "a.b": 0, ".b": 1, "*.a.b": 1, "x.a.b": 1}},
		{[]string{".b", "*.b"}, map[string]int{"*.b": 0, "a.b": 0}},
	}
	for _, tt := range tests {
		table := newTable(t, tt.patterns...)
		for pattern, want := range tt.want {
			if got := hides(table, pattern); got != want {
				t.Errorf("%q: Hides(%q) = %d, want %d", tt.patterns, pattern, got, want)
			}
		}
	}
}

func TestConcurrentLookups(t *testing.T) {
	table := newTable(t, "a.b", "*.b", ".b")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if lookup(table, "a.b") != 0 || lookup(table, "c.b") != 1 || lookup(table, "d.c.b") != 2 {
					t.Error("wrong rule")
				}
			}
		})
	}
	wg.Wait()
}

// Pattern returns the pattern that has the target of Lookup, and the name matches it.
func TestPatternIsTheOneThatWins(t *testing.T) {
	t.Parallel()
	label := rapid.SampledFrom([]string{"a", "b", "c"})
	host := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(label, 1, 4).Draw(t, "labels"), ".")
	})
	rapid.Check(t, func(t *rapid.T) {
		var all, alone Table
		targets := make(map[string]Target)
		kinds := rapid.SampledFrom([]string{"", "*.", ".", "+."})
		for i := range rapid.IntRange(0, 8).Draw(t, "patterns") {
			pattern, to := kinds.Draw(t, "kind")+host.Draw(t, "host"), Target{Rule: i / 2, Value: i}
			if _, twice := targets[pattern]; !twice {
				targets[pattern] = to
			}
			if err := all.Add(pattern, to); err != nil {
				t.Fatal(err)
			}
		}
		name := []byte(host.Draw(t, "name"))
		to, found := all.Lookup(name)
		pattern := all.Pattern(name)
		if found != (pattern != "") {
			t.Fatalf("%s: found %v, pattern %q", name, found, pattern)
		}
		if !found {
			return
		}
		if err := alone.Add(pattern, Target{}); err != nil {
			t.Fatal(err)
		}
		if _, matches := alone.Lookup(name); !matches {
			t.Fatalf("%s does not match %s", name, pattern)
		}
		if targets[pattern] != to {
			t.Fatalf("%s: %v by Lookup, but %s has %v", name, to, pattern, targets[pattern])
		}
	})
}

func TestTablePatterns(t *testing.T) {
	t.Parallel()
	var table Table
	want := []string{"*.b.example", "+.d.example", ".c.example", "a.example"}
	for _, pattern := range want {
		if err := table.Add(strings.ToUpper(pattern), Target{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := slices.Sorted(table.Patterns()); !slices.Equal(got, want) {
		t.Errorf("got %q, expected %q", got, want)
	}
	for range table.Patterns() {
		break // which must be possible
	}
}

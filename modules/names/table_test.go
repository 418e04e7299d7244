// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// newTable adds patterns with their positions as rules.
func newTable(t rapid.TB, patterns ...string) *Table {
	var table Table
	for rule, pattern := range patterns {
		if err := table.Add(pattern, rule); err != nil {
			t.Fatal(err)
		}
	}
	return &table
}

const none = -1

func lookup(table *Table, name string) int {
	if rule, ok := table.Lookup([]byte(name)); ok {
		return rule
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

// TestAddKeepsTheLeast adds rules in another order than theirs.
func TestAddKeepsTheLeast(t *testing.T) {
	for _, pattern := range []string{"a.b", "*.b", ".b"} {
		var table Table
		for _, rule := range []int{7, 3, 5, 3} {
			if err := table.Add(pattern, rule); err != nil {
				t.Fatal(err)
			}
		}
		if got := lookup(&table, "a.b"); got != 3 {
			t.Errorf("%s: got %d, want 3", pattern, got)
		}
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

// matches is the reference: it says of each kind what the package doc says.
func matches(pattern, name string) bool {
	switch {
	case strings.HasPrefix(pattern, "*."):
		label, found := strings.CutSuffix(name, pattern[1:])
		return found && label != "" && !strings.Contains(label, ".")
	case strings.HasPrefix(pattern, "."):
		return strings.HasSuffix(name, pattern) && len(name) > len(pattern)
	default:
		return name == pattern
	}
}

// The alphabet is small, so that names and patterns often meet.
func anyName() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab"}), 1, 4), func(labels []string) string {
		return strings.Join(labels, ".")
	})
}

func anyPattern() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", "*.", "."}).Draw(t, "kind") + anyName().Draw(t, "name")
	})
}

func TestLookupAgainstReference(t *testing.T) {
	odd := rapid.StringMatching(`[ab.*]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(anyPattern(), 0, 12).Draw(t, "patterns")
		table := newTable(t, patterns...)
		for range 10 {
			name := rapid.OneOf(anyName(), odd).Draw(t, "name")
			want := none
			for rule, pattern := range patterns {
				if matches(pattern, name) {
					want = rule
					break
				}
			}
			if got := lookup(table, name); got != want {
				t.Fatalf("Lookup(%q) = %d, want %d", name, got, want)
			}
		}
	})
}

// TestLookupIgnoresCaseAndDot looks a name up as it may be written, in a table whose patterns are written either way.
func TestLookupIgnoresCaseAndDot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(anyPattern(), 0, 8).Draw(t, "patterns")
		table := newTable(t, patterns...)
		written := make([]string, len(patterns))
		for k, pattern := range patterns {
			written[k] = strings.ToUpper(pattern) + "."
		}
		other := newTable(t, written...)
		name := anyName().Draw(t, "name")
		want := lookup(table, name)
		for _, name := range []string{name, name + ".", strings.ToUpper(name), strings.ToUpper(name) + "."} {
			normal := string(Normalize(nil, []byte(name)))
			if got := lookup(table, normal); got != want {
				t.Fatalf("%q: %d, want %d", name, got, want)
			}
			if got := lookup(other, normal); got != want {
				t.Fatalf("%q in the other table: %d, want %d", name, got, want)
			}
		}
	})
}

// TestHidesAgainstLookup checks the promise: what is hidden is never reached, and what is not hidden by one rule has a
// name that this rule does not match.
func TestHidesAgainstLookup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(anyPattern(), 1, 6).Draw(t, "patterns")
		pattern := anyPattern().Draw(t, "pattern")
		want := none
		for rule, earlier := range patterns {
			if hidesAll(earlier, pattern) {
				want = rule
				break
			}
		}
		if got := hides(newTable(t, patterns...), pattern); got != want {
			t.Fatalf("%q: Hides(%q) = %d, want %d", patterns, pattern, got, want)
		}
	})
}

// hidesAll tries names that stand for all that the pattern matches: "zz" is in no pattern.
func hidesAll(earlier, pattern string) bool {
	host := strings.TrimLeft(pattern, "*.")
	for _, before := range []string{"", "zz.", "zz.zz.", "a.", "b.", "ab.", "zz.a.", "zz.b.", "zz.ab."} {
		if name := before + host; matches(pattern, name) && !matches(earlier, name) {
			return false
		}
	}
	return true
}

// TestSizes looks the same names up in tables of different sizes: none may take another way.
func TestSizes(t *testing.T) {
	for _, size := range []int{1, 8, 9, 99, 101, 10_000} {
		var table Table
		for rule := range size {
			for _, pattern := range []string{"h%d.exact.test", "*.w%d.test", ".s%d.test"} {
				if err := table.Add(fmt.Sprintf(pattern, rule), rule); err != nil {
					t.Fatal(err)
				}
			}
		}
		for rule := range size + 1 {
			want := rule
			if rule == size {
				want = none
			}
			for _, name := range []string{"h%d.exact.test", "a.w%d.test", "a.b.s%d.test"} {
				if got := lookup(&table, fmt.Sprintf(name, rule)); got != want {
					t.Fatalf("%d patterns: %s %d: got %d", size, name, rule, got)
				}
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

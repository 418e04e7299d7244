// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// matches is the reference implementation of the package comment.
func matches(pattern, name string) bool {
	switch {
	case strings.HasPrefix(pattern, "*."):
		label, found := strings.CutSuffix(name, pattern[1:])
		return found && label != "" && !strings.Contains(label, ".")
	case strings.HasPrefix(pattern, "."):
		return strings.HasSuffix(name, pattern) && len(name) > len(pattern)
	case strings.HasPrefix(pattern, "+."):
		return name == pattern[2:] || matches(pattern[1:], name)
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
		return rapid.SampledFrom([]string{"", "*.", ".", "+."}).Draw(t, "kind") + anyName().Draw(t, "name")
	})
}

// spelled draws a spelling of a name or pattern: letters in either case, with or without a trailing
// dot.
func spelled(t *rapid.T, name string) string {
	letters := []byte(name)
	for k, upper := range rapid.SliceOfN(rapid.Bool(), len(letters), len(letters)).Draw(t, "upper") {
		if upper {
			letters[k] = strings.ToUpper(name[k : k+1])[0]
		}
	}
	return string(letters) + rapid.SampledFrom([]string{"", "."}).Draw(t, "end")
}

// A mapping is an entry to add to a table.
type mapping struct {
	pattern string // in normal form
	to      Target
}

func anyMappings() *rapid.Generator[[]mapping] {
	// Few rules, so that many patterns share one; values tell all mappings apart.
	return rapid.Custom(func(t *rapid.T) []mapping {
		mappings := make([]mapping, rapid.IntRange(0, 12).Draw(t, "size"))
		for k := range mappings {
			mappings[k] = mapping{anyPattern().Draw(t, "pattern"), Target{rapid.IntRange(0, 3).Draw(t, "rule"), k}}
		}
		return mappings
	})
}

// reference tries every mapping to find the target for a name in normal form.
func reference(mappings []mapping, name string) (to Target, ok bool) {
	best := 0
	for _, m := range mappings {
		if !matches(m.pattern, name) {
			continue
		}
		if s := specificity(m.pattern); !ok || m.to.Rule < to.Rule || m.to.Rule == to.Rule && s > best {
			best, to, ok = s, m.to, true
		}
	}
	return to, ok
}

func specificity(pattern string) int {
	for i, kind := range []string{"+.", ".", "*."} {
		if rest, ok := strings.CutPrefix(pattern, kind); ok {
			return 3*len(rest) + i
		}
	}
	return 1 << 20
}

// TestCVE_2026_48491 compares all kinds of patterns with the reference, which tries them one by
// one. The check of that CVE left out wildcards.
func TestCVE_2026_48491(t *testing.T) {
	odd := rapid.StringMatching(`[ab.*]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		mappings := anyMappings().Draw(t, "mappings")
		var table Table
		for _, m := range mappings {
			add(t, &table, spelled(t, m.pattern), m.to)
		}
		for range 10 {
			name := rapid.OneOf(anyName(), odd).Draw(t, "name")
			want, wantOK := reference(mappings, name)
			if got, ok := table.Lookup([]byte(name)); got != want || ok != wantOK {
				t.Fatalf("Lookup(%q) = %v, %v; want %v, %v", name, got, ok, want, wantOK)
			}
		}
	})
}

// TestCVE_2026_53622 checks that case and a trailing dot make no difference, in names and in
// patterns. The lookup of that CVE took names as the client wrote them.
func TestCVE_2026_53622(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mappings := anyMappings().Draw(t, "mappings")
		var table, other Table
		for _, m := range mappings {
			add(t, &table, m.pattern, m.to)
			add(t, &other, spelled(t, m.pattern), m.to)
		}
		name := anyName().Draw(t, "name")
		want, wantOK := table.Lookup([]byte(name))
		for _, written := range []string{name, name + ".", strings.ToUpper(name), strings.ToUpper(name) + ".", spelled(t, name)} {
			normal := Normalize(nil, []byte(written))
			for _, table := range []*Table{&table, &other} {
				if got, ok := table.Lookup(normal); got != want || ok != wantOK {
					t.Fatalf("%q: %v, %v; want %v, %v", written, got, ok, want, wantOK)
				}
			}
		}
	})
}

// TestHidesAgainstLookup checks that a hidden pattern is never reached, and that a rule that does
// not hide a pattern fails to match some name of it.
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

// hidesAll tries names that represent all that the pattern matches: "zz" is in no pattern.
func hidesAll(earlier, pattern string) bool {
	host := strings.TrimLeft(pattern, "+*.")
	for _, before := range []string{"", "zz.", "zz.zz.", "a.", "b.", "ab.", "zz.a.", "zz.b.", "zz.ab."} {
		if name := before + host; matches(pattern, name) && !matches(earlier, name) {
			return false
		}
	}
	return true
}

// sizeCases holds patterns, with names that match and names that do not.
var sizeCases = []struct {
	pattern string
	yes, no []string
}{
	{
		"www.example.com",
		[]string{"www.example.com", "WWW.EXAMPLE.COM", "www.example.com.", "wWw.eXample.coM."},
		[]string{"example.com", "a.www.example.com", "www.example.co", "xwww.example.com"},
	},
	{"WWW.Example.Com.", []string{"www.example.com", "WWW.EXAMPLE.COM", "www.example.com."}, []string{"example.com", ""}},
	{
		"*.example.com",
		[]string{"a.example.com", "A.EXAMPLE.COM", "a.example.com.", "*.example.com"},
		[]string{"example.com", "b.a.example.com", ".example.com", "aexample.com"},
	},
	{"*.EXAMPLE.com.", []string{"a.example.com", "A.Example.Com."}, []string{"example.com", "b.a.example.com"}},
	{
		".example.com",
		[]string{"a.example.com", "b.a.example.com", "B.A.EXAMPLE.COM."},
		[]string{"example.com", ".example.com", "aexample.com", "a.example.com.net"},
	},
	{
		"+.Example.com",
		[]string{"example.com", "EXAMPLE.com.", "a.example.com", "B.A.EXAMPLE.COM."},
		[]string{".example.com", "aexample.com", "example.com.net", "com"},
	},
	{".Example.COM.", []string{"a.example.com", "B.A.Example.Com."}, []string{"example.com", "a.example.org"}},
}

// TestCVE_2026_27588 checks that the number of other patterns makes no difference. The matcher of
// that CVE was case-sensitive for long lists only.
func TestCVE_2026_27588(t *testing.T) {
	for _, size := range []int{1, 8, 9, 99, 101, 10_000} {
		for _, tt := range sizeCases {
			t.Run(fmt.Sprintf("%d/%s", size, tt.pattern), func(t *testing.T) {
				var table Table
				addOthers(t, &table, 0, size/2)
				add(t, &table, tt.pattern, Target{Rule: size})
				addOthers(t, &table, size/2, size-1)
				for _, name := range tt.yes {
					if got := lookup(&table, string(Normalize(nil, []byte(name)))); got != size {
						t.Errorf("%q: got %d, want %d", name, got, size)
					}
				}
				for _, name := range tt.no {
					if got := lookup(&table, string(Normalize(nil, []byte(name)))); got != none {
						t.Errorf("%q: got %d, want nothing", name, got)
					}
				}
				checkOthers(t, &table, size-1)
			})
		}
	}
}

// addOthers adds patterns of all kinds, each with its number as its rule.
func addOthers(t *testing.T, table *Table, from, to int) {
	for k := from; k < to; k++ {
		kind := []string{"h%d.exact.test", "*.w%d.test", ".s%d.test"}[k%3]
		add(t, table, fmt.Sprintf(kind, k), Target{Rule: k})
	}
}

func checkOthers(t *testing.T, table *Table, size int) {
	for k := range size {
		name := fmt.Sprintf([]string{"h%d.exact.test", "a.w%d.test", "a.b.s%d.test"}[k%3], k)
		if got := lookup(table, name); got != k {
			t.Fatalf("%s: got %d, want %d", name, got, k)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":                      nil,
		" \t ":                  nil,
		"a b":                   {"a", "b"},
		"\ta  b\t":              {"a", "b"},
		`a\ b c`:                {"a b", "c"},
		`a\\ b`:                 {`a\`, "b"},
		`a\;b`:                  {"a;b"},
		`\`:                     nil,
		`a\`:                    {"a"},
		`"a b" 'c'`:             {`"a`, `b"`, "'c'"},
		`add map #1 key\ 1 v\\`: {"add", "map", "#1", "key 1", `v\`},
	} {
		if got := split(line); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestCutPayload(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][3]string{
		"add map x <<":      {"add map x ", "", "yes"},
		"add map x <<END":   {"add map x ", "END", "yes"},
		"add map x<<":       {"add map x<<", "", "no"},
		"add map x":         {"add map x", "", "no"},
		"<<":                {"", "", "yes"},
		"x <<12345678":      {"x <<12345678", "", "no"},
		"add map << x":      {"add map << x", "", "no"},
		"add map x << ":     {"add map x << ", "", "no"},
		"add map x <<END\t": {"add map x <<END\t", "", "no"},
	} {
		rest, pattern, follows := cutPayload(line)
		if got := [3]string{rest, pattern, map[bool]string{true: "yes", false: "no"}[follows]}; got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// Words have neither separators nor semicolons that no backslash protects, and words that are
// protected again are found again.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"show stat;show info", `add map #0 a\ b c\;d`, "a <<", `\`, `;;\;`, "set server b/s state drain"} {
		f.Add(seed)
	}
	protect := strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", ";", `\;`)
	f.Fuzz(func(t *testing.T, line string) {
		for more := true; more; {
			var first string
			before := len(line)
			first, line, more = cut(line)
			if more && len(first)+len(line)+1 != before {
				t.Fatalf("%q and %q are not what was cut", first, line)
			}
			words := split(first)
			var again []string
			for _, word := range words {
				again = append(again, protect.Replace(word))
			}
			text := strings.Join(again, " ")
			if _, _, more := cut(text); more {
				t.Fatalf("%q has a separator", text)
			}
			if got := split(text); !slices.Equal(got, words) {
				t.Fatalf("%q: got %q, want %q", text, got, words)
			}
			_ = unknown(words)
			find(words)
		}
	})
}

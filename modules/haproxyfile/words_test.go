// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wordCases holds lines of the section "global" and their words. TestHAProxyWords checks them with
// HAProxy, except those that differ.
var wordCases = []struct {
	line    string
	words   []string
	differs string // why HAProxy's words differ
}{
	{line: "a b", words: []string{"a", "b"}},
	{line: " \t a\t \tb \t", words: []string{"a", "b"}},
	{line: "\v\fa\vb\fc", words: []string{"a", "b", "c"}},
	{line: "\ra \rb\r", words: []string{"a", "b"}},
	{line: "a #b", words: []string{"a"}},
	{line: "a#b c", words: []string{"a"}},
	{line: `a \#b`, words: []string{"a", "#b"}},
	{line: `a "#b" '#c'`, words: []string{"a", "#b", "#c"}},
	{line: `a b\ c`, words: []string{"a", "b c"}},
	{line: `a "b c" 'd e'`, words: []string{"a", "b c", "d e"}},
	{line: `a b"c d"e'f g'h`, words: []string{"a", "bc def gh"}},
	{line: `a ""b''c`, words: []string{"a", "bc"}},
	{line: `a "b'c" 'd"e'`, words: []string{"a", "b'c", `d"e`}},
	{line: `a \"b\' "c\"" "d\'e"`, words: []string{"a", `"b'`, `c"`, "d'e"}},
	{line: `a '\' '\n\x41'`, words: []string{"a", `\`, `\n\x41`}},
	{line: `a \\ "\\"`, words: []string{"a", `\`, `\`}},
	{line: `a b\tc "d\te"`, words: []string{"a", "b\tc", "d\te"}},
	{line: `a b\nc\rd`, words: []string{"a", "b\nc\rd"}},
	{line: `a \x41\x7e "\x5C\x5c"`, words: []string{"a", "A~", `\\`}},
	{line: `a \xe4\xFF`, words: []string{"a", "\xe4\xff"}},
	{line: `a \z\1\. "\z\1"`, words: []string{"a", `\z\1\.`, `\z\1`}},
	{line: `a\`, words: []string{`a\`}},
	{line: `a\ `, words: []string{"a "}},
	{line: "a\\\tb", words: []string{`a\`, "b"}},
	{line: `a $ONE ${ONE} '$ONE' b$`, words: []string{"a", "$ONE", "${ONE}", "$ONE", "b$"}},
	{line: `a \$ONE "\$ONE" "$ONE\$"`, words: []string{"a", `\$ONE`, "$ONE", "1$"}},
	{line: `a "$ONE" "x${ONE}y" x"$ONE"y`, words: []string{"a", "1", "x1y", "x1y"}},
	{line: `a "$ONE.$ONE-$_under9 $ONE[*]"`, words: []string{"a", "1.1-u 1[*]"}},
	{line: `a "$SPACED" "${COMMENT}"`, words: []string{"a", "a b", "a#b"}},
	{line: `a "$QUOTES"`, words: []string{"a", `a"b'c\n$ONE`}},
	{line: `a "${NONE-d}" "${ONE-d}" x"${EMPTY-d}"`, words: []string{"a", "d", "1", "x"}},
	{line: `a "${NONE-}"x "${NONE-a "b" \ $c '}"`, words: []string{"a", "x", `a "b" \ $c '`}},
	{line: `a "x${NONE}$NONE"`, words: []string{"a", "x"}},
	{line: `a "${LIST[*]}"`, words: []string{"a", "10.0.0.1", "10.0.0.2"}},
	{line: `a x"${LIST[*]}"y z`, words: []string{"a", "x10.0.0.1", "10.0.0.2y", "z"}},
	{line: `a "${NONE[*]-b c}" "${ONE[*]-b c}"`, words: []string{"a", "b", "c", "1"}},
	{line: `a x"${PADDED[*]}"y`, words: []string{"a", "x", "a", "b", "y"}},
	{line: `a "${ONE[*]}${ONE[*]}" "${ONE[*]} b"`, words: []string{"a", "11", "1 b"}},
	{line: `"${LIST[*]}"`, words: []string{"10.0.0.1", "10.0.0.2"}},
	{line: "a b\rc", words: []string{"a", "b"}},
	{line: "a \xff\xfe \u00e4\u00a0b", words: []string{"a", "\xff\xfe", "\u00e4\u00a0b"}},
	{line: "a " + strings.Repeat("b", 5000), words: []string{"a", strings.Repeat("b", 5000)}},
	{line: "a '" + strings.Repeat("b", 5000) + "'", words: []string{"a", strings.Repeat("b", 5000)}},

	{line: `a "${PADDED[*]}" b`, words: []string{"a", "a", "b", "b"}, differs: "the blanks around a list make empty words"},
	{line: `a "${NONE[*]}" b`, words: []string{"a", "b"}, differs: "an empty list is an empty word"},
	{line: `a "${BLANK[*]}${EMPTY[*]}"`, words: []string{"a"}},
}

func TestWords(t *testing.T) {
	for _, test := range wordCases {
		sections, problems := read("global\n" + test.line + "\n")
		if len(sections) != 1 || len(sections[0].Lines) != 1 {
			t.Errorf("%q: %s", test.line, describe(sections, problems))
			continue
		}
		if diff := cmp.Diff(test.words, sections[0].Lines[0].Words); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, diff)
		}
		if i := slices.IndexFunc(problems, func(p Problem) bool { return p.Severity == Error }); i >= 0 {
			t.Errorf("%q: %s", test.line, problems[i])
		}
	}
}

func TestWordErrors(t *testing.T) {
	tests := map[string]string{
		`a "b`:                               `unmatched quote at position 3: expected another " before`,
		`a 'b"`:                              `unmatched quote at position 3: expected another ' before`,
		`a "b\"`:                             `unmatched quote at position 3`,
		"a 'b\r'":                            `unmatched quote at position 3`,
		`a ""b"`:                             `unmatched quote at position 6`,
		`a \x`:                               `truncated or invalid hexadecimal sequence at position 3`,
		`a \x4`:                              `truncated or invalid hexadecimal sequence at position 3`,
		`a \x4g`:                             `truncated or invalid hexadecimal sequence at position 3`,
		`a "\xg4"`:                           `truncated or invalid hexadecimal sequence at position 4`,
		`a b\x00`:                            `the word "b\x00" holds a NUL`,
		`a "$"`:                              `forbidden first char in environment variable name at position 5`,
		`a "$0"`:                             `forbidden first char in environment variable name at position 5`,
		`a \x4G`:                             `truncated or invalid hexadecimal sequence at position 3`,
		`a "$1"`:                             `forbidden first char in environment variable name at position 5`,
		`a "${}"`:                            `forbidden first char in environment variable name at position 6`,
		`a "${-x}"`:                          `forbidden first char in environment variable name at position 6`,
		`a "${.NONE}"`:                       `forbidden first char in environment variable name at position 4: expected .FILE`,
		`a "$."`:                             `forbidden first char in environment variable name at position 4: expected .FILE`,
		`a "${ONE"`:                          `unmatched brace in environment variable name at position 5`,
		`a "${ONE x}"`:                       `unmatched brace in environment variable name at position 5`,
		`a "${ONE-x"`:                        `unmatched brace in environment variable name at position 5`,
		`a "${ONE.x}"`:                       `unmatched brace in environment variable name at position 5`,
		`a "${ONE[*}"`:                       `truncated or invalid word expansion sequence at position 9`,
		`a "${ONE[1]}"`:                      `truncated or invalid word expansion sequence at position 9`,
		`a "${ONE[*]x}"`:                     `unmatched brace in environment variable name at position 5`,
		`a` + strings.Repeat(" x", 64):       `too many words: expected at most 64`,
		`a` + strings.Repeat(" x", 63) + ` `: `too many words: expected at most 64`,
		`a` + strings.Repeat(" x", 62) + ` "${LIST[*]}"`: `too many words: expected at most 64`,
	}
	for line, want := range tests {
		sections, problems := read("global\n" + line + "\n")
		if len(sections) != 1 || len(sections[0].Lines) != 0 || len(problems) != 1 {
			t.Errorf("%q: %s", line, describe(sections, problems))
			continue
		}
		if p := problems[0]; p.Severity != Error || !strings.HasPrefix(p.Message, want) {
			t.Errorf("%q: %s, expected %s", line, p, want)
		}
	}
}

func TestMostWords(t *testing.T) {
	sections, problems := read("global\na" + strings.Repeat(" x", 63) + "\n")
	if len(problems) > 0 || len(sections[0].Lines[0].Words) != 64 {
		t.Error(describe(sections, problems))
	}
}

// HAProxy has no such limit: it would exhaust memory.
func TestExpansionIsLimited(t *testing.T) {
	text := "global\nsetenv A 0123456789\n" + strings.Repeat("setenv A \"$A$A\"\n", 40)
	_, problems := read(text)
	if len(problems) == 0 || problems[0].Line != 22 || !strings.Contains(problems[0].Message, "makes the line too long: expected at most 16 MiB") {
		t.Errorf("%v", problems)
	}
}

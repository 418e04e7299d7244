// SPDX-License-Identifier: Apache-2.0

package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"www.example.com":          "www.example.com",
		`"quoted" & <tagged>`:      `"quoted" & <tagged>`,
		"bücher.例":                 "bücher.例",
		"a\nb":                     `a\x0ab`,
		"\x1b[31mred":              `\x1b[31mred`,
		"\x00\x7f\x80\xff":         `\x00\x7f\x80\xff`,
		"\xc3":                     `\xc3`,
		"c1 \u009b2J":              `c1 \xc2\x9b2J`,
		"\u202eevil\u2028":         `\xe2\x80\xaeevil\xe2\x80\xa8`,
		"\ufffd":                   "\ufffd",
		`\x41`:                     `\x5cx41`,
		strings.Repeat(`\`, 3):     `\x5c\x5c\x5c`,
		"h2 and then\tan odd name": `h2 and then\x09an odd name`,
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if got := Bytes(want); string(got) != text {
			t.Errorf("%s: %q, want %q", want, got, text)
		}
	}
}

func TestMessage(t *testing.T) {
	for text, want := range map[string]string{
		`host "a\n": not found`: `host "a\n": not found`, "": "", "two\nlines": `two\x0alines`, "\\\xff\u202e": `\\xff\xe2\x80\xae`, "bücher": "bücher",
	} {
		if got := Message(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestBytesOfOtherText(t *testing.T) {
	for text, want := range map[string]string{`a\b`: `a\b`, `\x`: `\x`, `\x4`: `\x4`, `\xg0`: `\xg0`, `\\x41`: `\A`, `\X41`: `\X41`, `\x4A`: "J"} {
		if got := Bytes(text); string(got) != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("www.example.com")
	f.Add("\x1b\\\xff\u202e\xe2\x80")
	f.Fuzz(func(t *testing.T, text string) {
		got := Text(text)
		if string(Bytes(got)) != text {
			t.Errorf("%q: %q, of which the bytes are %q", text, got, Bytes(got))
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: %q", text, got)
		}
	})
}

// Ordinary names cost no memory.
func TestAllocations(t *testing.T) {
	name := strings.Repeat("www.example.com", 10)
	if n := testing.AllocsPerRun(100, func() { name = Text(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

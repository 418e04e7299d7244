// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// quote quotes a word: in strong quotes, except for characters that cannot be inside.
func quote(word string) string {
	var b strings.Builder
	open := false
	within := func(want bool) {
		if open != want {
			b.WriteByte('\'')
			open = want
		}
	}
	for i := range len(word) {
		switch c := word[i]; c {
		case '\'', '\n', '\r':
			within(false)
			b.WriteString(map[byte]string{'\'': `\'`, '\n': `\n`, '\r': `\r`}[c])
		default:
			within(true)
			b.WriteByte(c)
		}
	}
	within(false)
	return b.String()
}

// write is the inverse of Read, except for conditional blocks and empty words, which are lost.
func write(sections []Section) string {
	var b strings.Builder
	line := func(words []string) {
		for i, w := range words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(quote(w))
		}
		b.WriteByte('\n')
	}
	for _, s := range sections {
		line(append([]string{s.Kind}, s.Args...))
		for _, l := range s.Lines {
			line(l.Words)
		}
	}
	return b.String()
}

// FuzzRead checks the properties of sections and problems, and that writing the sections and
// reading them again yields the same.
func FuzzRead(f *testing.F) {
	for _, test := range wordCases {
		f.Add("global\n" + test.line + "\n")
	}
	for _, test := range verdictCases {
		f.Add(test.text)
	}
	for _, test := range conditionCases {
		f.Add(".if " + test.text + "\nglobal\n.endif\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		sections, problems := read(text, text)
		last := strings.Count(text, "\n") + 1
		checkPos := func(p Pos) {
			if p.File != "f1" && p.File != "f2" || p.Line < 1 || p.Line > last {
				t.Errorf("position %v of %d lines", p, last)
			}
		}
		errors := 0
		for _, p := range problems {
			checkPos(p.Pos)
			if p.Severity == Error {
				errors++
			}
		}
		if !slices.IsSortedFunc(problems, func(a, b Problem) int { return comparePos(a.Pos, b.Pos) }) || errors > maxErrors+2 {
			t.Errorf("problems %v", problems)
		}
		for _, s := range sections {
			checkPos(s.Pos)
			checkWords(t, append([]string{s.Kind}, s.Args...))
			for _, l := range s.Lines {
				checkPos(l.Pos)
				checkWords(t, l.Words)
			}
		}
		again, problems := Read([]Source{{Name: "f", Text: []byte(write(sections))}}, testOptions)
		problems = slices.DeleteFunc(problems, func(p Problem) bool { return strings.Contains(p.Message, "env'") })
		if diff := cmp.Diff(sections, again, cmpopts.IgnoreTypes(Pos{})); diff != "" || len(problems) > 0 {
			t.Errorf("read again: %v (-first +again):\n%s", problems, diff)
		}
	})
}

func comparePos(a, b Pos) int {
	if a.File != b.File {
		return strings.Compare(a.File, b.File)
	}
	return a.Line - b.Line
}

func checkWords(t *testing.T, words []string) {
	t.Helper()
	if len(words) == 0 || len(words) > maxWords || words[0][0] == '.' && !sectionKinds[words[0]] {
		t.Errorf("words %q", words)
	}
	for _, w := range words {
		if w == "" || strings.IndexByte(w, 0) >= 0 {
			t.Errorf("word %q", w)
		}
	}
}

// Any words can be quoted. Only a scope or a directive cannot be a statement.
func TestQuotedWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[^\x00]+`)
		words := rapid.SliceOfN(word, 1, maxWords).Draw(t, "words")
		if words[0][0] == '.' || sectionKinds[words[0]] {
			t.Skip()
		}
		line := ""
		for _, w := range words {
			line += rapid.StringMatching(`[ \t]+`).Draw(t, "blanks") + quote(w)
		}
		sections, problems := read("listen x\n" + line + "\n")
		if len(problems) > 0 || len(sections) != 1 || len(sections[0].Lines) != 1 || !slices.Equal(sections[0].Lines[0].Words, words) {
			t.Fatalf("%q: %s", words, describe(sections, problems))
		}
	})
}

// FuzzParseTime checks that a time matches its number and suffix, and is a multiple of the unit.
func FuzzParseTime(f *testing.F) {
	for _, test := range timeCases {
		f.Add(test.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, unit := range []time.Duration{time.Microsecond, time.Millisecond, time.Second, time.Hour} {
			d, err := ParseTime(text, unit)
			if err != nil {
				if d != 0 || err.Error() == "" {
					t.Errorf("%q is %v, %v", text, d, err)
				}
				continue
			}
			if d < 0 || d%unit != 0 || d > min(unit, time.Second)*math.MaxInt32+unit {
				t.Errorf("%q is %v", text, d)
			}
			number, suffix := splitNumber(text)
			if number == "" || suffix != "" && timeUnits[suffix] == 0 || strings.Trim(number, "0") == "" && d != 0 {
				t.Errorf("%q is %v", text, d)
			}
			// The same in microseconds, of which every time is a multiple.
			again, err := ParseTime(text, time.Microsecond)
			if suffix != "" && err == nil && (again > d || d-again >= unit) {
				t.Errorf("%q is %v, but %v in microseconds", text, d, again)
			}
		}
	})
}

// FuzzParseAddress checks that parsing the String of an address returns the same address, and that
// its fields are in range.
func FuzzParseAddress(f *testing.F) {
	for _, test := range addressCases {
		f.Add(test.text, true, false)
		f.Add(test.text, false, false)
		f.Add(test.text, false, true)
	}
	f.Fuzz(func(t *testing.T, text string, bind, datagrams bool) {
		o := AddressOptions{Bind: bind, Datagram: datagrams}
		a, err := ParseAddress(text, o)
		if err != nil {
			if a != (Address{}) || err.Error() == "" {
				t.Errorf("%q is %+v, %v", text, a, err)
			}
			return
		}
		o.Datagram = a.Datagram
		if again, err := ParseAddress(a.String(), o); err != nil || again != a {
			t.Errorf("%q is %+v, and %q is %+v, %v", text, a, a, again, err)
		}
		if a.Datagram && !datagrams || a.Offset != 0 && (bind || a.HasPort) || a.HasPort != (a.Port > 0) || a.Port > a.PortHigh || a.PortHigh > maxPort {
			t.Errorf("%q is %+v", text, a)
		}
		isIP := a.Family == Any || a.Family == IPv4 || a.Family == IPv6
		if isIP && bind && !a.HasPort || isIP != (a.Path == "" && a.Family != FD && a.Family != SocketPair) || a.Family == Any && a.Host == "" {
			t.Errorf("%q is %+v", text, a)
		}
	})
}

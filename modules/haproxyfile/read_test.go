// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// variables is the environment of most tests.
var variables = map[string]string{
	"ONE": "1", "SPACED": "a b", "LIST": "10.0.0.1  10.0.0.2", "PADDED": " a  b ", "EMPTY": "", "BLANK": " ",
	"QUOTES": `a"b'c\n$ONE`, "_under9": "u", "COMMENT": "a#b",
}

func getenv(name string) (string, bool) {
	value, ok := variables[name]
	return value, ok
}

var testOptions = Options{Getenv: getenv, Branch: "3.2", LocalPeer: "me"}

func read(texts ...string) ([]Section, []Problem) {
	var sources []Source
	for i, text := range texts {
		sources = append(sources, Source{Name: fmt.Sprintf("f%d", i+1), Text: []byte(text)})
	}
	return Read(sources, testOptions)
}

// describe formats sections, one line each, and problems, for comparison.
func describe(sections []Section, problems []Problem) string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "%s %s%q\n", s, s.Kind, s.Args)
		for _, l := range s.Lines {
			fmt.Fprintf(&b, "%s  %q\n", l, l.Words)
		}
	}
	for _, p := range problems {
		fmt.Fprintf(&b, "%s %s\n", p.Severity, p)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	tests := []struct {
		name  string
		texts []string
		want  string
	}{
		{"nothing", nil, ""},
		{"empty", []string{""}, ""},
		{"blank lines and comments", []string{"\n  \t\n# global\n   # x\n"}, ""},
		{"sections", []string{"global\n daemon\n\nfrontend a b # c\n bind :1 name x\ndefaults\n"}, `
f1:1 global[]
f1:2  ["daemon"]
f1:4 frontend["a" "b"]
f1:5  ["bind" ":1" "name" "x"]
f1:6 defaults[]
`},
		{"modifiers are words", []string{"defaults\n no option x\n default option y\n"}, `
f1:1 defaults[]
f1:2  ["no" "option" "x"]
f1:3  ["default" "option" "y"]
`},
		{"sources are one configuration", []string{"global\n a\n", "listen x\n b\n"}, `
f1:1 global[]
f1:2  ["a"]
f2:1 listen["x"]
f2:2  ["b"]
`},
		{"a section ends with its source", []string{"global\n a\n", " b\n"}, `
f1:1 global[]
f1:2  ["a"]
ALERT f2:1: unknown keyword 'b' out of section
`},
		{"out of section", []string{"a\nfrontends x\nglobal\n"}, `
f1:3 global[]
ALERT f1:1: unknown keyword 'a' out of section
ALERT f1:2: unknown keyword 'frontends' out of section
`},
		{"byte order mark", []string{"\ufeffglobal\n"}, "ALERT f1:1: unknown keyword '\ufeffglobal' out of section: the file begins with a byte order mark, expected none\n"},
		{"missing LF", []string{"global\n a"}, `
f1:1 global[]
f1:2  ["a"]
ALERT f1:2: missing LF on last line, file might have been truncated at position 3: expected a line end
`},
		{"the last line ends it all", []string{".alert x", "global\n"}, "ALERT f1:1: x\n"},
		{"NUL", []string{"global\n a\x00\n b\n", "listen x\n"}, `
f1:1 global[]
f2:1 listen["x"]
ALERT f1:2: stray NUL character at position 3: expected a text file
`},
		{"CRLF", []string{"global\r\n a b\r\n\r\n# c\r\n"}, `
f1:1 global[]
f1:2  ["a" "b"]
`},
		{"carriage return within a line", []string{"global\r daemon\n a\r#\n b # c\rd\n"}, `
f1:1 global[]
f1:2  ["a"]
f1:3  ["b"]
WARNING f1:1: the rest of the line from the carriage return at position 7 on is ignored, as in HAProxy: expected LF or CRLF at the ends of lines
WARNING f1:2: the rest of the line from the carriage return at position 3 on is ignored, as in HAProxy: expected LF or CRLF at the ends of lines
`},
		{"scopes", []string{"[a-b_c.d:9] # x\n \t[x]\r\nglobal\n[]\n[a\n[a b]\n[a] b\n"}, `
f1:3 global[]
ALERT f1:4: empty scope name is forbidden: expected a name in '[]'
ALERT f1:5: unmatched '[' of a scope: expected ']'
ALERT f1:6: scope name 'a b': expected letters, digits, '-', '_', '.' and ':'
ALERT f1:7: character 'b' is not permitted after scope declaration: expected the end of the line
`},
		{"faults of words", []string{"global\n a \"b\n c\n"}, `
f1:1 global[]
f1:3  ["c"]
ALERT f1:2: unmatched quote at position 4: expected another " before the end of the line
`},
		{"pseudo-variables", []string{"a \"${.SECTION}\"\nglobal\n a \"${.FILE}:$.LINE ${.SECTION}\"\nlisten x\n a \"$.SECTION\"\n", "[a]\nglobal \"$.SECTION$.LINE\"\n"}, `
f1:2 global[]
f1:3  ["a" "f1:3 global"]
f1:4 listen["x"]
f1:5  ["a" "x"]
f2:2 global["2"]
WARNING f1:1: argument number 1 is empty and ignored: HAProxy 3.3 and later refuse it
ALERT f1:1: unknown keyword 'a' out of section
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := describe(read(test.texts...))
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmptyWords(t *testing.T) {
	const refused = "marks the end of the argument list"
	tests := []struct {
		line, branch string
		words        []string // nil: the line is ignored
		problem      string
	}{
		{`a b ""`, "3.2", []string{"a", "b"}, "WARNING f:2: argument number 2 is empty and ignored"},
		{`a "$NONE" "$EMPTY"`, "2.6.12", []string{"a"}, "WARNING f:2: argument number 1 is empty and ignored"},
		{`a b ''`, "3.3-dev1", []string{"a", "b"}, "WARNING f:2: argument number 2 is empty"},
		{`a b ""`, "3.3", nil, "ALERT f:2: argument number 2 is empty and " + refused},
		{`a b ""`, "3.5-dev5", nil, "ALERT f:2: argument number 2 is empty and " + refused},
		{`a b ""`, "", nil, "ALERT f:2: argument number 2 is empty and " + refused},
		{`a b ""`, "x", nil, "ALERT f:2: argument number 2 is empty and " + refused},
		{`a "" b`, "2.6", nil, "ALERT f:2: argument number 1 is empty and " + refused},
		{`a "${NONE}" b ""`, "3.2", nil, "ALERT f:2: argument number 1 is empty and " + refused},
		{`a "${EMPTY[*]}" b`, "3.3", []string{"a", "b"}, ""},
		{`a "${NONE[*]}"`, "3.3", []string{"a"}, ""},
		{`"" a`, "3.3", nil, "WARNING f:2: the first word is empty, and the line is ignored"},
		{`"${NONE[*]}" a`, "3.3", []string{"a"}, ""},
	}
	for _, test := range tests {
		sections, problems := Read([]Source{{"f", []byte("global\n" + test.line + "\n")}}, Options{Getenv: getenv, Branch: test.branch})
		var words []string
		if lines := sections[0].Lines; len(lines) > 0 {
			words = lines[0].Words
		}
		if !cmp.Equal(words, test.words) {
			t.Errorf("%s (%s): words %q, expected %q", test.line, test.branch, words, test.words)
		}
		got := ""
		for _, p := range problems {
			got += p.Severity.String() + " " + p.String()
		}
		if !strings.HasPrefix(got, test.problem) || test.problem == "" && got != "" {
			t.Errorf("%s (%s): %s, expected %s", test.line, test.branch, got, test.problem)
		}
	}
}

// HAProxy counts the errors of each file, this package those of all files.
func TestTooManyErrors(t *testing.T) {
	for _, errors := range []int{49, 50, 51, 200} {
		half := strings.Repeat("x\n", errors/2)
		_, problems := read(half, half+strings.Repeat("x\n", errors%2)+"global\n y \"\n")
		want := min(errors+1, 51)
		if len(problems) != want {
			t.Errorf("%d errors: %d problems, expected %d", errors, len(problems), want)
		}
		last := problems[len(problems)-1].Message
		if stopped := strings.HasPrefix(last, "too many errors (50), stopping now"); stopped != (errors >= 50) {
			t.Errorf("%d errors: the last is %s", errors, last)
		}
	}
}

func TestManyWarnings(t *testing.T) {
	sections, problems := read(strings.Repeat(".warning x\n", 200) + "global\n")
	if len(sections) != 1 || len(problems) != 200 {
		t.Errorf("%d sections and %d problems", len(sections), len(problems))
	}
}

func TestIsSection(t *testing.T) {
	o := Options{IsSection: func(kind string) bool { return kind == "x" }}
	got := describe(Read([]Source{{"", []byte("x y\nglobal\n")}, {"g", []byte("global\n")}}, o))
	want := "line 1 x[\"y\"]\nline 2  [\"global\"]\nALERT g:1: unknown keyword 'global' out of section\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSeverity(t *testing.T) {
	if got := fmt.Sprint(Notice, Warning, Error, Severity(9)); got != "NOTICE WARNING ALERT severity 9" {
		t.Error(got)
	}
}

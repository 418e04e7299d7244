// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxErrors is the number of errors after which HAProxy gives up.
const maxErrors = 50

// byteOrderMark is put before the first line by some editors. HAProxy treats it as part of the
// first word.
const byteOrderMark = "\ufeff"

// A reader holds the state of one [Read].
type reader struct {
	isSection func(string) bool
	env       *environment
	release   version // of HAProxy
	lexer     lexer

	sections []Section
	problems []Problem
	errors   int
	stopped  bool // the rest must not be read

	// The state of the current source.
	pos       Pos
	inSection bool    // a section has been opened
	name      string  // of that section, for ${.SECTION}
	blocks    []block // the open conditional blocks, innermost last
}

func newReader(o Options) *reader {
	r := &reader{isSection: o.IsSection, env: newEnvironment(o), release: newVersion(o.Branch)}
	if r.isSection == nil {
		r.isSection = func(kind string) bool { return sectionKinds[kind] }
	}
	r.lexer.variable = r.variable
	return r
}

func (r *reader) report(severity Severity, format string, args ...any) {
	r.problems = append(r.problems, Problem{Pos: r.pos, Severity: severity, Message: fmt.Sprintf(format, args...)})
	if severity == Error {
		r.errors++
	}
}

func (r *reader) errorf(format string, args ...any) { r.report(Error, format, args...) }

// fail reports an error after which the rest cannot be parsed.
func (r *reader) fail(format string, args ...any) {
	r.errorf(format, args...)
	r.stopped = true
}

// variable returns the value of a variable, whether it is set, and whether its name may be used.
func (r *reader) variable(name string) (value string, ok, known bool) {
	switch name {
	case ".FILE":
		return r.pos.File, true, true
	case ".LINE":
		return strconv.Itoa(r.pos.Line), true, true
	case ".SECTION":
		return r.name, true, true
	}
	if name[0] == '.' {
		return "", false, false
	}
	value, ok = r.env.lookup(name)
	return value, ok, true
}

func (r *reader) readSource(s Source) {
	r.pos = Pos{File: s.Name}
	r.inSection, r.name, r.blocks = false, "", r.blocks[:0]
	// Words without quotes, escapes and variables are substrings of this string.
	rest := string(s.Text)
	for rest != "" && !r.stopped {
		line, after, ended := strings.Cut(rest, "\n")
		rest = after
		r.pos.Line++
		if r.errors >= maxErrors {
			r.fail("too many errors (%d), stopping now", r.errors)
			return
		}
		if at := strings.IndexByte(line, 0); at >= 0 {
			r.errorf("stray NUL character at position %d: expected a text file", at+1)
			return
		}
		r.readLine(line)
		if !ended && !r.stopped {
			r.errorf("missing LF on last line, file might have been truncated at position %d: expected a line end", len(line)+1)
		}
	}
	if len(r.blocks) > 0 && !r.stopped {
		r.fail("non-terminated '.if' block: expected '.endif' for the one in line %d", r.blocks[len(r.blocks)-1].line)
	}
}

func (r *reader) readLine(line string) {
	if text := strings.TrimLeft(line, blanks); strings.HasPrefix(text, "[") {
		r.readScope(text)
		return
	}
	words, err := r.lexer.split(line)
	if err != nil {
		r.errorf("%v", err)
		return
	}
	if r.lexer.ignored > 0 {
		r.report(Warning, "the rest of the line from the carriage return at position %d on is ignored, as in HAProxy: expected LF or CRLF at the ends of lines", r.lexer.ignored)
	}
	if len(words) == 0 {
		return
	}
	if words[0] == "" {
		if r.active() {
			r.report(Warning, "the first word is empty, and the line is ignored, as in HAProxy")
		}
		return
	}
	if words[0][0] == '.' {
		r.readDirective(words)
		return
	}
	if !r.active() {
		return
	}
	if words = r.cutEmpty(words); words != nil {
		r.add(words)
	}
}

// cutEmpty handles empty words, which HAProxy takes for the end of the list. It returns nil after
// an error.
func (r *reader) cutEmpty(words []string) []string {
	at := slices.Index(words, "")
	if at < 0 {
		return words
	}
	trailing := !slices.ContainsFunc(words[at:], func(w string) bool { return w != "" })
	// Since 3.3 it is fatal anywhere. In earlier versions it had no effect at the end, and elsewhere
	// it cut off the rest, which is never intended.
	if trailing && r.release.before(strictVersion) {
		r.report(Warning, "argument number %d is empty and ignored: HAProxy 3.3 and later refuse it", at)
		return words[:at]
	}
	r.errorf("argument number %d is empty and marks the end of the argument list: expected a value, or \"${NAME[*]}\" for a variable that may be empty", at)
	return nil
}

// add processes a statement: it opens a section, or is added to the last one.
func (r *reader) add(words []string) {
	if r.isSection(words[0]) {
		r.inSection = true
		// HAProxy takes the first word as the name of a section without a name.
		r.name = words[min(1, len(words)-1)]
		words = slices.Clone(words)
		r.sections = append(r.sections, Section{Pos: r.pos, Kind: words[0], Args: words[1:]})
		return
	}
	if !r.inSection {
		hint := ""
		if strings.HasPrefix(words[0], byteOrderMark) {
			hint = ": the file begins with a byte order mark, expected none"
		}
		r.errorf("unknown keyword '%s' out of section%s", words[0], hint)
		return
	}
	s := &r.sections[len(r.sections)-1]
	s.Lines = append(s.Lines, Line{Pos: r.pos, Words: slices.Clone(words)})
	if s.Kind == "global" {
		if err := r.env.apply(words); err != nil {
			r.errorf("%v", err)
		}
	}
}

// readScope checks a line "[scope]", which has a meaning only in SPOE files.
func (r *reader) readScope(text string) {
	name, rest, ok := strings.Cut(text[1:], "]")
	rest = strings.TrimLeft(rest, blanks)
	switch {
	case !ok:
		r.errorf("unmatched '[' of a scope: expected ']'")
	case name == "":
		r.errorf("empty scope name is forbidden: expected a name in '[]'")
	case !isScope(name):
		r.errorf("scope name '%s': expected letters, digits, '-', '_', '.' and ':'", name)
	case rest != "" && rest[0] != '#':
		r.errorf("character '%c' is not permitted after scope declaration: expected the end of the line", []rune(rest)[0])
	}
}

func isScope(name string) bool {
	for i := range len(name) {
		if !isAlphanumeric(name[i]) && strings.IndexByte("-_.:", name[i]) < 0 {
			return false
		}
	}
	return true
}

// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"io"
	"strings"
)

// An Entry is one line of a pattern file. Its strings are substrings of the file's text and keep
// all of it in memory.
type Entry struct {
	// Line is the number of the line, from 1.
	Line int
	// Pattern is the line's first word, as [Check] returns it.
	Pattern string
	// Value is the rest of the line, without surrounding blanks. It is empty in a list.
	Value string
}

// ReadList reads a file with one pattern per line, as HAProxy's "acl ... -f" does. It skips blank
// lines, blanks around patterns, and comments. A comment begins with a "#" at the start of a line
// or, unlike in HAProxy, after a blank. Lines may end in CRLF, and the text may begin with a byte
// order mark.
//
// Errors begin with the file's name and, if they are about one line, its number ("names.txt:7:
// ..."). An error for an invalid pattern wraps [ErrPattern]. A file without patterns is an error.
func ReadList(file string, r io.Reader) ([]Entry, error) {
	entries, err := read(file, r, validateListed)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s: no names: expected at least one", file)
	}
	return entries, nil
}

// ReadMap reads a file for HAProxy's "map" converters: one pattern per line, followed by a value,
// which may have several words. Blanks, comments and errors are as in [ReadList]. A pattern may be
// repeated with the same value. With another value it is an error, where HAProxy takes the first.
func ReadMap(file string, r io.Reader) ([]Entry, error) {
	entries, err := read(file, r, validateMapped)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s: no names: expected at least one, with its value", file)
	}
	if err := validateValues(file, entries); err != nil {
		return nil, err
	}
	return entries, nil
}

func validateListed(e Entry) error {
	if e.Value != "" {
		second, _ := cutWord(e.Value)
		return fmt.Errorf("%q after the name: expected one name per line", second)
	}
	return nil
}

func validateMapped(e Entry) error {
	if e.Value == "" {
		return fmt.Errorf("no value after %q: expected a name and its value", e.Pattern)
	}
	return nil
}

// validateValues returns an error for the first pattern with two values.
func validateValues(file string, entries []Entry) error {
	firsts := make(map[string]int, len(entries)) // by pattern, the index of its first entry
	for i, e := range entries {
		k, ok := firsts[e.Pattern]
		if !ok {
			firsts[e.Pattern] = i
			continue
		}
		if first := entries[k]; e.Value != first.Value {
			return fmt.Errorf("%s:%d: %q has the value %q, but %q in line %d: expected one value per name",
				file, e.Line, e.Pattern, e.Value, first.Value, first.Line)
		}
	}
	return nil
}

// read splits a text into entries and calls check for each.
func read(file string, r io.Reader, check func(Entry) error) ([]Entry, error) {
	text, err := readText(r)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	// Most lines of a long file are entries: allocating one for each costs less than growing.
	entries := make([]Entry, 0, strings.Count(text, "\n")+1)
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		word, rest := cutWord(cutComment(line))
		if word == "" {
			continue
		}
		pattern, err := Validate(word)
		e := Entry{Line: number, Pattern: pattern, Value: rest}
		if err == nil {
			err = check(e)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// readText reads r to its end and drops a byte order mark.
func readText(r io.Reader) (string, error) {
	var text strings.Builder
	if _, err := io.Copy(&text, r); err != nil {
		return "", err
	}
	return strings.TrimPrefix(text.String(), "\ufeff"), nil
}

// blanks separate words. A carriage return counts as one, for lines that end in CRLF.
const blanks = " \t\r"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// cutComment returns the line up to its comment. A "#" within a word begins no comment: a name with
// one is reported as invalid, not cut short.
func cutComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || isBlank(line[i-1])) {
			return line[:i]
		}
	}
	return line
}

// cutWord returns the first word, and the rest without surrounding blanks.
func cutWord(line string) (word, rest string) {
	line = strings.Trim(line, blanks)
	end := strings.IndexAny(line, blanks)
	if end < 0 {
		return line, ""
	}
	return line[:end], strings.TrimLeft(line[end:], blanks)
}

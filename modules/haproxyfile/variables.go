// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
)

// A reference is a reference to a variable in a line: $NAME, ${NAME}, ${NAME-default} or
// ${NAME[*]}.
type reference struct {
	name     string
	fallback string
	hasElse  bool // there is a fallback
	list     bool // the value is split into words
	length   int  // in the line
}

// expand replaces the reference at the current position by its value. The value is not parsed
// again: quotes and dollar signs in it are ordinary characters.
func (l *lexer) expand() error {
	l.replace()
	ref, err := l.reference()
	if err != nil {
		return err
	}
	value, set, known := l.variable(ref.name)
	if !known {
		return fmt.Errorf("forbidden first char in environment variable name at position %d: expected .FILE, .LINE or .SECTION, or a name without the dot", l.at+1)
	}
	if !set && ref.hasElse {
		value = ref.fallback
	}
	if l.expanded += len(value); l.expanded > maxExpanded {
		return fmt.Errorf("the variable at position %d makes the line too long: expected at most %d MiB of all variables", l.at+1, maxExpanded>>20)
	}
	l.at += ref.length
	if !ref.list {
		l.word = append(l.word, value...)
		return nil
	}
	l.listed = true
	l.emitList(value)
	return nil
}

// emitList splits a value into words. The first is joined to the text before the reference, and the
// last to the text after it, unless there are blanks between.
func (l *lexer) emitList(value string) {
	for i := 0; i < len(value); i++ {
		if !isBlank(value[i]) {
			l.word = append(l.word, value[i])
			continue
		}
		if len(l.word) == 0 {
			continue
		}
		l.words = append(l.words, string(l.word))
		l.word = l.word[:0]
	}
}

// reference parses the reference at the current position, which has a dollar sign.
func (l *lexer) reference() (ref reference, err error) {
	text := l.line[l.at+1:]
	position := l.at + 1 // of the error, from 1
	rest, braced := strings.CutPrefix(text, "{")
	if braced {
		position++
	}
	n := nameLength(rest)
	if n == 0 {
		return ref, fmt.Errorf("forbidden first char in environment variable name at position %d: expected a letter, '_' or '.' after '$', or '\\$'", position+1)
	}
	ref.name, rest = rest[:n], rest[n:]
	if braced {
		if rest, err = ref.modifiers(rest, position); err != nil {
			return ref, err
		}
	}
	ref.length = 1 + len(text) - len(rest)
	return ref, nil
}

// nameLength returns the length of the variable's name that text begins with.
func nameLength(text string) int {
	n := 0
	for n < len(text) && (isAlphanumeric(text[n]) || text[n] == '_' || n == 0 && text[n] == '.') {
		n++
	}
	if n > 0 && text[0] >= '0' && text[0] <= '9' {
		return 0
	}
	return n
}

// modifiers parses the text between a name and the closing brace, and returns the text after the
// brace.
func (ref *reference) modifiers(rest string, position int) (string, error) {
	if strings.HasPrefix(rest, "[") {
		after, ok := strings.CutPrefix(rest, "[*]")
		if !ok {
			return "", fmt.Errorf("truncated or invalid word expansion sequence at position %d: expected [*]", position+len(ref.name)+1)
		}
		ref.list, rest = true, after
	}
	if after, ok := strings.CutPrefix(rest, "-"); ok {
		if ref.fallback, rest, ok = strings.Cut(after, "}"); ok {
			ref.hasElse = true
			return rest, nil
		}
	} else if after, ok := strings.CutPrefix(rest, "}"); ok {
		return after, nil
	}
	return "", fmt.Errorf("unmatched brace in environment variable name at position %d: expected '}'", position)
}

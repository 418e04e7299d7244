// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
)

const (
	// maxWords is HAProxy's MAX_LINE_ARGS.
	maxWords = 64
	// maxExpanded limits the total size of expanded variables, in bytes: lines that double a variable
	// would otherwise exhaust memory.
	maxExpanded = 16 << 20
	// blanks holds the characters for which C's isspace() is true.
	blanks = " \t\n\v\f\r"
)

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// A lexer splits lines into words.
type lexer struct {
	// variable returns the value of a variable and whether it is set. A reference to one that is not
	// known is an error.
	variable func(name string) (value string, set, known bool)
	expanded int // bytes of expanded variables, in all lines

	// The state of the line.
	line    string
	at      int
	quote   byte // the open quote, or 0
	opened  int  // its position
	words   []string
	ignored int // position of a carriage return that hides words, or 0

	// The state of the word.
	word    []byte
	quoted  bool // it contains a quote: it counts even if empty
	listed  bool // it contains a "${NAME[*]}": it does not count if empty
	started int  // its start, while it is a substring of the line and word is unused; else -1
}

// split returns the words of a line without its line end. Some may be empty. The slice is valid
// until the next call.
func (l *lexer) split(line string) ([]string, error) {
	l.line, l.at, l.quote, l.words, l.ignored = line, 0, 0, l.words[:0], 0
	for l.at < len(line) && isBlank(line[l.at]) {
		l.at++
	}
	l.beginWord()
	for l.at < len(line) {
		// A carriage return ends the line here, even within quotes. Between other blanks it is a blank:
		// see separate.
		if c := line[l.at]; c == '\r' || c == '#' && l.quote == 0 {
			if c == '\r' && strings.Trim(line[l.at:], blanks) != "" {
				l.ignored = l.at + 1
			}
			break
		}
		if err := l.step(line[l.at]); err != nil {
			return nil, err
		}
	}
	if l.quote != 0 {
		return nil, fmt.Errorf("unmatched quote at position %d: expected another %c before the end of the line", l.opened+1, l.quote)
	}
	l.endWord()
	return l.words, l.validate()
}

// step consumes the next character, and those that belong to it.
func (l *lexer) step(c byte) error {
	switch {
	case c == l.quote:
		l.quote = 0
		l.at++
	case (c == '"' || c == '\'') && l.quote == 0:
		l.replace()
		l.quote, l.opened, l.quoted = c, l.at, true
		l.at++
	case c == '\\' && l.quote != '\'':
		return l.escape()
	case c == '$' && l.quote == '"':
		return l.expand()
	case l.quote == 0 && isBlank(c):
		return l.separate()
	default:
		l.emit(c)
		l.at++
	}
	return nil
}

func (l *lexer) beginWord() {
	l.word, l.quoted, l.listed, l.started = l.word[:0], false, false, l.at
}

// replace copies the word from the line. It must be called before the word differs from the line.
func (l *lexer) replace() {
	if l.started >= 0 {
		l.word = append(l.word, l.line[l.started:l.at]...)
		l.started = -1
	}
}

func (l *lexer) emit(c byte) {
	if l.started < 0 {
		l.word = append(l.word, c)
	}
}

// endWord adds the word, if there is one: a trailing blank or comment does not begin a word.
func (l *lexer) endWord() {
	switch {
	case l.started >= 0 && l.started < l.at:
		l.words = append(l.words, l.line[l.started:l.at])
	case len(l.word) > 0 || l.quoted && !l.listed:
		l.words = append(l.words, string(l.word))
	}
}

// separate ends a word and skips the blanks after it.
func (l *lexer) separate() error {
	l.endWord()
	for l.at < len(l.line) && isBlank(l.line[l.at]) {
		l.at++
	}
	l.beginWord()
	// HAProxy begins another word here, even at the end of the line.
	if len(l.words) >= maxWords {
		return errTooManyWords
	}
	return nil
}

var errTooManyWords = fmt.Errorf("too many words: expected at most %d, and nothing after them", maxWords)

func (l *lexer) validate() error {
	if len(l.words) > maxWords {
		return errTooManyWords
	}
	for _, w := range l.words {
		if strings.IndexByte(w, 0) >= 0 {
			return fmt.Errorf("the word %q holds a NUL, which would end it: expected another character", w)
		}
	}
	return nil
}

// escape consumes a backslash and the character that it escapes. Before any other character, a
// backslash is an ordinary character.
func (l *lexer) escape() error {
	l.replace()
	next := byte(0)
	if l.at+1 < len(l.line) {
		next = l.line[l.at+1]
	}
	switch {
	case next == 'x':
		return l.escapeHex()
	case next == '#' || next == '$' && l.quote == '"':
		l.emit(next)
		l.at += 2
	default:
		c, n := unescape(next)
		l.emit(c)
		l.at += n
	}
	return nil
}

// unescape returns the character that an escape sequence stands for, and the length of the
// sequence. HAProxy supports these sequences in lines and in the arguments of predicates.
func unescape(next byte) (c byte, length int) {
	switch next {
	case ' ', '\\', '\'', '"':
		return next, 2
	case 't':
		return '\t', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	default:
		return '\\', 1
	}
}

func (l *lexer) escapeHex() error {
	value := byte(0)
	for i := l.at + 2; i < l.at+4; i++ {
		digit, ok := byte(0), false
		if i < len(l.line) {
			digit, ok = hexDigit(l.line[i])
		}
		if !ok {
			return fmt.Errorf("truncated or invalid hexadecimal sequence at position %d: expected \\x and two of 0-9, a-f", l.at+1)
		}
		value = value<<4 | digit
	}
	l.emit(value)
	l.at += 4
	return nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	default:
		return 0, false
	}
}

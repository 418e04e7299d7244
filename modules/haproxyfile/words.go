// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
)

const (
	// maxWords is HAProxy's MAX_LINE_ARGS.
	maxWords = 64
	// maxExpanded is how many bytes the variables of a configuration may come to, so that lines that
	// double a variable do not take all memory.
	maxExpanded = 16 << 20
	// blanks are what C's isspace() says yes to.
	blanks = " \t\n\v\f\r"
)

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// A lexer splits lines into words.
type lexer struct {
	// variable returns a variable's value and whether it is set. One that is not known cannot be
	// referred to.
	variable func(name string) (value string, set, known bool)
	expanded int // bytes that variables came to, of all lines

	// Of the line.
	line    string
	at      int
	quote   byte // the one that is open, or 0
	opened  int  // where
	words   []string
	ignored int // position of a carriage return that hides words, or 0

	// Of the word.
	word    []byte
	quoted  bool // it holds a quote, so that it is a word even if it is empty
	listed  bool // it holds a "${NAME[*]}", so that it is none if it is empty
	started int  // where it begins in the line, as long as word would only repeat the line; else -1
}

// split returns the words of a line, without a line end, some of which may be empty. They are good
// until the next call.
func (l *lexer) split(line string) ([]string, error) {
	l.line, l.at, l.quote, l.words, l.ignored = line, 0, 0, l.words[:0], 0
	for l.at < len(line) && isBlank(line[l.at]) {
		l.at++
	}
	l.beginWord()
	for l.at < len(line) {
		// Here a carriage return ends the line, even within quotes. Among blanks it is one of them: see
		// separate.
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
	return l.words, l.check()
}

// step takes the character that is next, and what belongs to it.
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

// replace is called where a word is about to differ from the line.
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

// endWord adds the word, if it is one. A trailing blank or comment does not begin one.
func (l *lexer) endWord() {
	switch {
	case l.started >= 0 && l.started < l.at:
		l.words = append(l.words, l.line[l.started:l.at])
	case len(l.word) > 0 || l.quoted && !l.listed:
		l.words = append(l.words, string(l.word))
	}
}

// separate ends a word at the blanks that follow it.
func (l *lexer) separate() error {
	l.endWord()
	for l.at < len(l.line) && isBlank(l.line[l.at]) {
		l.at++
	}
	l.beginWord()
	// HAProxy wants to begin another one here, even if there is none.
	if len(l.words) >= maxWords {
		return errTooManyWords
	}
	return nil
}

var errTooManyWords = fmt.Errorf("too many words: expected at most %d, and nothing after them", maxWords)

func (l *lexer) check() error {
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

// escape takes a backslash and what it protects. One before any other character is an ordinary one.
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

// unescape returns what a backslash before a character stands for, and the length of that. HAProxy
// has these both in lines and in the arguments of predicates.
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

// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"
)

func buildRegsub(_ *Loader, a args) (convertFunc, error) {
	fold, global := false, false
	for _, flag := range a.text(2) {
		switch flag {
		case 'i':
			fold = true
		case 'g':
			global = true
		default:
			return nil, fmt.Errorf("invalid regex flag '%c', only 'i' and 'g' are supported", flag)
		}
	}
	first, err := compileRegexp(a[0].text, fold)
	if err != nil {
		return nil, err
	}
	s := substitution{first: first}
	if s.replacement, err = readReplacement(a[1].text); err != nil {
		return nil, err
	}
	if global {
		if s.further, err = withoutBeginAnchor(first); err != nil {
			return nil, err
		}
	}
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		return text(utf8ToLatin1(s.apply(latin1ToUTF8(v.data)))), true
	}, nil
}

// A replacementPart is text, or with a group that is not negative, that group of the match.
type replacementPart struct {
	text  string
	group int
}

// readReplacement parses text with \0 to \9 for groups and \x41 for bytes. A backslash before
// anything else is dropped.
func readReplacement(s string) ([]replacementPart, error) {
	var pieces []replacementPart
	for at := 0; at < len(s); {
		piece, size := replacementPart{s[at : at+1], -1}, 1
		if s[at] == '\\' {
			var err error
			if piece, size, err = readEscape(s, at); err != nil {
				return nil, err
			}
		}
		piece.text = string(latin1ToUTF8([]byte(piece.text)))
		pieces = append(pieces, piece)
		at += size
	}
	return pieces, nil
}

// readEscape parses what begins with the backslash at a position, and returns its size.
func readEscape(s string, at int) (piece replacementPart, size int, err error) {
	rest := s[at+1:]
	switch {
	case rest == "":
		return piece, 0, errors.New("nothing follows the backslash in the replacement")
	case '0' <= rest[0] && rest[0] <= '9':
		return replacementPart{"", int(rest[0] - '0')}, 2, nil
	case rest[0] != 'x':
		return replacementPart{rest[:1], -1}, 2, nil
	}
	if len(rest) > 2 {
		if b, ok := hexPair(rest[1], rest[2]); ok {
			return replacementPart{string([]byte{b}), -1}, 4, nil
		}
	}
	return piece, 0, fmt.Errorf("two hex digits are expected after the \\x in the replacement '%s'", s)
}

// A substitution replaces the first match, or with further all matches.
type substitution struct {
	first, further *regexp.Regexp
	replacement    []replacementPart
}

// apply replaces matches in text encoded by latin1ToUTF8. Like HAProxy, it applies the expression
// again to the text after a match. After an empty match, one byte is copied.
func (s *substitution) apply(b []byte) []byte {
	out := make([]byte, 0, len(b))
	re := s.first
	for re != nil {
		match := re.FindSubmatchIndex(b)
		if match == nil {
			break
		}
		out = append(out, b[:match[0]]...)
		out = s.appendReplacement(out, b, match)
		if len(b) == 0 {
			break
		}
		if match[1] == 0 {
			_, size := utf8.DecodeRune(b)
			out = append(out, b[:size]...)
			match[1] += size
		}
		b = b[match[1]:]
		re = s.further
	}
	return append(out, b...)
}

func (s *substitution) appendReplacement(out, b []byte, match []int) []byte {
	for _, p := range s.replacement {
		switch at := 2 * p.group; {
		case p.group < 0:
			out = append(out, p.text...)
		case at+1 < len(match) && match[at] >= 0:
			out = append(out, b[match[at]:match[at+1]]...)
		}
	}
	return out
}

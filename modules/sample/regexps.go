// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// compileRegexp compiles a regular expression. Go's run in linear time on any input from a client;
// in exchange they lack the look-around and back-references of HAProxy's, which are Perl's.
func compileRegexp(pattern string, fold bool) (*regexp.Regexp, error) {
	expression := string(latin1ToUTF8([]byte(pattern)))
	if fold {
		expression = "(?i)" + expression
	}
	re, err := regexp.Compile(expression)
	if err == nil {
		return re, nil
	}
	fault, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return nil, fmt.Errorf("regex '%s' is invalid (error=%w)", pattern, err)
	}
	switch fault.Code {
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidEscape, syntax.ErrInvalidRepeatOp, syntax.ErrInvalidNamedCapture,
		syntax.ErrInvalidRepeatSize:
		return nil, fmt.Errorf("regex '%s' is invalid (error=%s: '%s'); there are no look-around, back-references, "+
			"possessive quantifiers and atomic groups, for they may take exponential time: try the methods beg, end, "+
			"sub and dom, or several patterns", pattern, fault.Code, fault.Expr)
	default:
		return nil, fmt.Errorf("regex '%s' is invalid (error=%s: '%s')", pattern, fault.Code, fault.Expr)
	}
}

// latin1ToUTF8 encodes each byte as a character of its own. HAProxy's regular expressions match
// bytes; Go's would match several bytes as one character, or fold a character of another alphabet
// to k. Without bytes above 0x7f, it returns b itself.
func latin1ToUTF8(b []byte) []byte {
	if !slices.ContainsFunc(b, notASCII) {
		return b
	}
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// utf8ToLatin1 reverses latin1ToUTF8.
func utf8ToLatin1(b []byte) []byte {
	if !slices.ContainsFunc(b, notASCII) {
		return b
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		letter, size := utf8.DecodeRune(b)
		out, b = append(out, byte(letter)), b[size:]
	}
	return out
}

func notASCII(c byte) bool { return c >= utf8.RuneSelf }

// withoutBeginAnchor returns the regular expression for text after a match, in which ^ matches
// nowhere.
func withoutBeginAnchor(re *regexp.Regexp) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return nil, err
	}
	forbidBegin(tree)
	return regexp.Compile(tree.String())
}

func forbidBegin(tree *syntax.Regexp) {
	if tree.Op == syntax.OpBeginText {
		tree.Op = syntax.OpNoMatch
	}
	for _, part := range tree.Sub {
		forbidBegin(part)
	}
}

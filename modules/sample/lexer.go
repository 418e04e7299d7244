// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"strings"
)

// A rawArg is an unparsed argument.
type rawArg struct {
	text       string // without its quotes
	start, end int    // its position in the expression, with its quotes
}

// errBackslash is returned for a backslash at the end of the text.
var errBackslash = errors.New("nothing follows the backslash")

// isNameByte reports whether a byte may be part of the name of a fetch or a converter.
func isNameByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("._-+:", c) >= 0
}

// nameEnd returns the end of the name that starts at a position.
func nameEnd(expression string, at int) int {
	for at < len(expression) && isNameByte(expression[at]) {
		at++
	}
	return at
}

// lexArgs reads up to limit arguments after the parenthesis at a position, and returns where it
// stopped: without an error, that is the closing parenthesis. opened is false if there is no
// parenthesis.
func lexArgs(expression string, at, limit int) (args []rawArg, end int, opened bool, err error) {
	if at >= len(expression) || expression[at] != '(' {
		return nil, at, false, nil
	}
	at++
	for len(args) < limit {
		arg, err := lexArg(expression, at)
		args = append(args, arg)
		at = arg.end
		if err != nil {
			return args, at, true, err
		}
		if len(args) == limit || at == len(expression) || expression[at] != ',' {
			break
		}
		at++
	}
	return args, at, true, nil
}

// lexArg reads one argument up to a comma, a closing parenthesis or the end. Inside quotes of
// either kind, these and the other quote have no special meaning. Outside of single quotes, a
// backslash removes the meaning of one character, and \r, \n and \t are control characters; a
// backslash before any other character stands for itself.
func lexArg(expression string, at int) (rawArg, error) {
	arg := rawArg{start: at}
	var plain strings.Builder
	var quote byte
loop:
	for ; at < len(expression); at++ {
		switch c := expression[at]; {
		case quote == 0 && (c == ',' || c == ')'):
			break loop
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			if at+1 == len(expression) {
				arg.text, arg.end = plain.String(), at
				return arg, errBackslash
			}
			if escaped, ok := unescape(expression[at+1]); ok {
				c = escaped
				at++
			}
			plain.WriteByte(c)
		default:
			plain.WriteByte(c)
		}
	}
	arg.text, arg.end = plain.String(), at
	return arg, nil
}

func unescape(c byte) (byte, bool) {
	switch c {
	case '\\', ' ', '"', '\'':
		return c, true
	case 'r':
		return '\r', true
	case 'n':
		return '\n', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// closeArgs expects the closing parenthesis and returns the position after it.
func closeArgs(expression string, at int) (int, error) {
	switch {
	case at == len(expression):
		return at, errors.New("expected ')'")
	case expression[at] != ')':
		return at, fmt.Errorf("expected ')' before '%s'", expression[at:])
	}
	return at + 1, nil
}

// quoteArg quotes text so that lexArg returns it unchanged.
func quoteArg(text string) string {
	if !strings.ContainsAny(text, ",()[]'\"\\ \t\r\n") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

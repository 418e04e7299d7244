// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"strings"
)

// A rawArg is one argument between the parentheses.
type rawArg struct {
	text       string // without its quotes
	start, end int    // where it stands in the expression, with its quotes
}

// errBackslash is a backslash with nothing after it.
var errBackslash = errors.New("nothing follows the backslash")

// isNameByte tells whether a byte may be part of the name of a fetch or a converter.
func isNameByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("._-+:", c) >= 0
}

// nameEnd returns where the name that begins at a position ends.
func nameEnd(expression string, at int) int {
	for at < len(expression) && isNameByte(expression[at]) {
		at++
	}
	return at
}

// lexArgs reads at most limit arguments from the parenthesis at a position, and returns where it stopped: before the
// closing parenthesis, if all is well. With no parenthesis there, opened is false.
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

// lexArg reads one argument up to a comma, a closing parenthesis or the end. Quotes of either kind take the meaning
// from these, and from the other kind; outside of single quotes a backslash does so for one character, and \r, \n and
// \t are what they are elsewhere. A backslash before anything else is only a backslash.
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

// closeArgs checks for the closing parenthesis and returns the position after it.
func closeArgs(expression string, at int) (int, error) {
	switch {
	case at == len(expression):
		return at, errors.New("expected ')'")
	case expression[at] != ')':
		return at, fmt.Errorf("expected ')' before '%s'", expression[at:])
	}
	return at + 1, nil
}

// quoteArg writes a text as an argument that lexArg reads as this text.
func quoteArg(text string) string {
	if !strings.ContainsAny(text, ",()[]'\"\\ \t\r\n") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"net/netip"
	"strings"
)

// An argList declares the arguments of a fetch or a converter. The first ones are required.
type argList struct {
	required int
	kinds    []argKind
}

func takes(required int, kinds ...argKind) argList {
	return argList{required: required, kinds: kinds}
}

// String returns the list in the notation of HAProxy's keyword lists, such as
// "(integer,string[,integer])".
func (l argList) String() string {
	if len(l.kinds) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteByte('(')
	for k, kind := range l.kinds {
		if k == l.required {
			b.WriteByte('[')
		}
		if k > 0 {
			b.WriteByte(',')
		}
		b.WriteString(argNames[kind])
	}
	if len(l.kinds) > l.required {
		b.WriteByte(']')
	}
	b.WriteByte(')')
	return b.String()
}

// An argument is a parsed argument.
type argument struct {
	text   string
	number int64
	addr   netip.Addr // an address or a mask
}

// args holds the arguments given; optional ones at the end may be missing.
type args []argument

// integer returns an argument, or a default if it is missing.
func (a args) integer(position int, otherwise int64) int64 {
	if position < len(a) {
		return a[position].number
	}
	return otherwise
}

// text returns an argument, or "" if it is missing.
func (a args) text(position int) string {
	if position < len(a) {
		return a[position].text
	}
	return ""
}

// An argError is an error in the argument at a position, counted from 1.
type argError struct {
	position int
	err      error
}

func (e *argError) Error() string { return e.err.Error() }
func (e *argError) Unwrap() error { return e.err }

// parse parses the arguments that start at a position, and returns the position after them. As in
// HAProxy, a required first argument is empty rather than missing if there are no parentheses.
func (l argList) parse(expression string, at int) (args, int, error) {
	raw, end, opened, err := lexArgs(expression, at, len(l.kinds))
	if err != nil {
		last := raw[len(raw)-1]
		return nil, end, &argError{len(raw), fmt.Errorf("failed to parse '%s' after '%s' as type '%s' at position %d",
			expression[end:], last.text, argNames[l.kinds[len(raw)-1]], len(raw))}
	}
	if !opened && l.required > 0 {
		raw = []rawArg{{start: at, end: at}}
	}
	list, err := l.parseEach(raw)
	if err != nil {
		return nil, end, err
	}
	if len(list) < len(raw) {
		end = raw[len(list)].end
	}
	if opened {
		if end, err = closeArgs(expression, end); err != nil {
			// HAProxy reports the position after the unclosed argument, except for the first.
			position := len(list)
			if position < 2 {
				position++
			}
			return nil, end, &argError{position, err}
		}
	}
	return list, end, nil
}

// parseEach parses arguments up to the first that is empty although its type has no empty value.
// The required ones must come before it.
func (l argList) parseEach(raw []rawArg) (args, error) {
	list := make(args, 0, len(raw))
	for k, one := range raw {
		kind := l.kinds[k]
		if one.text == "" && !kind.mayBeEmpty() {
			if k < l.required {
				return nil, &argError{k + 1, fmt.Errorf("expected type '%s' at position %d, but got nothing",
					argNames[kind], k+1)}
			}
			break
		}
		arg, ok := kind.parse(one.text)
		if !ok {
			return nil, &argError{k + 1, fmt.Errorf("failed to parse '%s' as type '%s' at position %d", one.text,
				argNames[kind], k+1)}
		}
		list = append(list, arg)
	}
	if len(list) < l.required {
		return nil, &argError{len(list) + 1, fmt.Errorf("missing arguments (got %d/%d), type '%s' expected",
			len(list), l.required, argNames[l.kinds[len(list)]])}
	}
	return list, nil
}

// validateVariableName validates the name of a variable, with its scope.
func validateVariableName(name string) error {
	scope, rest, dotted := strings.Cut(name, ".")
	switch scope {
	case "proc", "sess", "txn", "req", "res", "check":
	default:
		dotted = false
	}
	if !dotted || rest == "" {
		return fmt.Errorf("invalid variable name '%s'. A variable name must be start by its scope. The scope can be 'proc', "+
			"'sess', 'txn', 'req', 'res' or 'check'", name)
	}
	for k, c := range []byte(rest) {
		if !isNameByte(c) || strings.IndexByte("-+:", c) >= 0 {
			return fmt.Errorf("invalid syntax at char '%s'", rest[k:])
		}
	}
	return nil
}

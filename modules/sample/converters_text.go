// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"errors"
	"fmt"
)

// textConverters convert strings.
var textConverters = map[string]converter{
	"lower": {
		in: typeStr, out: typeStr, note: "in lower case; only A to Z",
		build: totalConverter(func(v Value) Value { return text(shiftCase(v.data, 'A', 'Z')) }),
	},
	"upper": {
		in: typeStr, out: typeStr, note: "in upper case; only a to z",
		build: totalConverter(func(v Value) Value { return text(shiftCase(v.data, 'a', 'z')) }),
	},
	"length": {
		in: typeStr, out: typeInt, note: "the number of bytes",
		build: totalConverter(func(v Value) Value { return Integer(int64(len(v.data))) }),
	},
	"field": {
		args: takes(2, argInt, argStr, argInt), in: typeStr, out: typeStr,
		note:  "a field by its number from 1, or from the end with -, between any of the separators; how many, 0 for all",
		build: buildSplit(false),
	},
	"word": {
		args: takes(2, argInt, argStr, argInt), in: typeStr, out: typeStr,
		note:  "as field, where several separators in a row count as one",
		build: buildSplit(true),
	},
	"regsub": {
		args: takes(2, argRegex, argStr, argStr), in: typeStr, out: typeStr,
		note:  `what matches replaced, where \1 is a part of the match; flags i for any case and g for every match`,
		build: buildRegsub,
	},
	"concat": {
		args: takes(1, argStr, argStr, argStr), in: typeStr, out: typeStr,
		note:  "followed by a text, a variable and another text",
		build: buildConcat,
	},
	"strcmp": {
		args: takes(1, argStr), in: typeStr, out: typeInt,
		note:  "0 if it equals a variable, -1 if it comes before it and 1 if after",
		build: buildStrcmp,
	},
	"iif": {
		args: takes(2, argStr, argStr), in: typeBool, out: typeStr,
		note:  "the first text for true, the second for false",
		build: buildIif,
	},
	"url_dec": {
		args: takes(0, argInt), in: typeStr, out: typeStr,
		note:  "with %41 and so on decoded, and + as a space after a ?, or everywhere with the argument 1",
		build: buildURLDec,
	},
}

// shiftCase changes the case of the letters between from and to. Without any, it returns b itself.
func shiftCase(b []byte, from, to byte) []byte {
	inside := func(r rune) bool { return rune(from) <= r && r <= rune(to) }
	if bytes.IndexFunc(b, inside) < 0 {
		return b
	}
	shifted := make([]byte, len(b))
	for k, c := range b {
		if from <= c && c <= to {
			c ^= 'a' - 'A'
		}
		shifted[k] = c
	}
	return shifted
}

func buildSplit(words bool) func(*Loader, args) (convertFunc, error) {
	return func(_ *Loader, a args) (convertFunc, error) {
		index, count := a[0].number, a.integer(2, 1)
		switch {
		case index == 0:
			return nil, errors.New("Unexpected value 0 for index") //nolint:staticcheck // HAProxy's words
		case a[1].text == "":
			return nil, errors.New("Empty separators list") //nolint:staticcheck // HAProxy's words
		}
		s := splitter{words: words, count: count}
		for _, c := range []byte(a[1].text) {
			s.separator[c] = true
		}
		return func(_ *Input, v Value, _ bool) (Value, bool) {
			part, ok := s.part(v.data, index)
			return text(part), ok
		}, nil
	}
}

func buildConcat(_ *Loader, a args) (convertFunc, error) {
	before, name, after := a.text(0), a.text(1), a.text(2)
	if name != "" && validateVariableName(name) != nil {
		return nil, fmt.Errorf("failed to register variable name '%s'", name)
	}
	return func(in *Input, v Value, _ bool) (Value, bool) {
		joined := append(bytes.Clone(v.data), before...)
		if name != "" {
			if value, ok := lookupVariable(in, name); ok {
				s, _ := cast(value, typeStr)
				joined = append(joined, s.data...)
			}
		}
		return text(append(joined, after...)), true
	}, nil
}

func buildStrcmp(_ *Loader, a args) (convertFunc, error) {
	name := a[0].text
	if validateVariableName(name) != nil {
		return nil, fmt.Errorf("failed to register variable name '%s'", name)
	}
	return func(in *Input, v Value, _ bool) (Value, bool) {
		value, ok := lookupVariable(in, name)
		if !ok {
			return Value{}, false
		}
		s, ok := cast(value, typeStr)
		return Integer(int64(bytes.Compare(v.data, s.data))), ok
	}, nil
}

func buildIif(_ *Loader, a args) (convertFunc, error) {
	yes, no := Text(a[0].text), Text(a[1].text)
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		if v.number != 0 {
			return yes, true
		}
		return no, true
	}, nil
}

func buildURLDec(_ *Loader, a args) (convertFunc, error) {
	form := a.integer(0, 0) != 0
	return func(_ *Input, v Value, _ bool) (Value, bool) { return urlDecode(v.data, form) }, nil
}

func urlDecode(b []byte, form bool) (Value, bool) {
	decoded := make([]byte, 0, len(b))
	for k := 0; k < len(b); k++ {
		c := b[k]
		switch {
		case c == '+' && form:
			c = ' '
		case c == '?':
			form = true
		case c == '%':
			if k+2 >= len(b) {
				return Value{}, false
			}
			var ok bool
			if c, ok = hexPair(b[k+1], b[k+2]); !ok {
				return Value{}, false
			}
			k += 2
		}
		decoded = append(decoded, c)
	}
	return text(decoded), true
}

// hexPair returns the byte that two digits encode.
func hexPair(high, low byte) (byte, bool) {
	h, l := hexDigit(high), hexDigit(low)
	return byte(h<<4 | l), h >= 0 && l >= 0
}

// hexDigit returns the value of a digit, or -1.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

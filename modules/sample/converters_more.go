// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// moreConverters take names, addresses and parameters apart, or reverse them.
var moreConverters = map[string]converter{
	"add_item": {
		args: takes(2, argStr, argStr, argStr), in: typeStr, out: typeStr,
		note: "followed by a delimiter unless it is empty, a variable, and a text", build: buildAddItem,
	},
	"base2": {
		in: typeBin, out: typeStr, note: "in binary digits",
		build: totalConverter(func(v Value) Value {
			out := []byte{}
			for _, c := range v.data {
				out = fmt.Appendf(out, "%08b", c)
			}
			return text(out)
		}),
	},
	"has_ctl": {
		args: takes(0, argStr), in: typeBin, out: typeBool, note: "whether there is a control character", build: buildHasControl,
	},
	"host_only": {
		in: typeStr, out: typeStr, note: "a host in lower case, without its port",
		build: totalConverter(func(v Value) Value { return text(shiftCase(v.data[:portAt(v.data)], 'A', 'Z')) }),
	},
	"port_only": {
		in: typeStr, out: typeInt, note: "the port after a host, or 0",
		build: totalConverter(func(v Value) Value {
			n := int32(0) // like HAProxy, without checking that the bytes are digits
			for _, c := range bytes.TrimPrefix(v.data[portAt(v.data):], []byte(":")) {
				n = n*10 + int32(c) - '0'
			}
			return Integer(int64(n))
		}),
	},
	"le2dec": {
		args: takes(1, argStr, argInt, argInt), in: typeBin, out: typeStr,
		note: "as be2dec, where the lowest byte of a number comes first", build: buildLe2dec,
	},
	"map_regm": {
		args: takes(1, argStr, argStr), in: typeStr, out: typeStr,
		note: `as map_reg, where \1 in the value of a line is a part of the match`, build: buildMapRegm,
	},
	"param": {
		args: takes(1, argStr, argStr), in: typeStr, out: typeStr,
		note: "the value of a parameter in a list such as a=1&b=2, or with another delimiter", build: buildParam,
	},
	"reverse": {
		in: typeStr, out: typeStr, note: "the bytes from the last to the first",
		build: totalConverter(func(v Value) Value {
			b := bytes.Clone(v.data)
			slices.Reverse(b)
			return text(b)
		}),
	},
	"reverse_dom": {
		in: typeStr, out: typeStr, note: "the labels of a domain name from the last to the first; nothing for one that begins with a dot",
		build: partialConverter(reverseDomain),
	},
	"url_enc": {
		args: takes(0, argStr), in: typeStr, out: typeStr, note: "percent-encoded for a query", build: buildURLEnc,
	},
}

func buildAddItem(_ *Loader, a args) (convertFunc, error) {
	delimiter, name, after := a.text(0), a.text(1), a.text(2)
	switch {
	case name != "" && validateVariableName(name) != nil:
		return nil, fmt.Errorf("failed to register variable name '%s'", name)
	case name == "" && after == "":
		return nil, errors.New("one of the optional arguments has to be nonempty")
	}
	return func(in *Input, v Value, _ bool) (Value, bool) {
		value, set := lookupVariable(in, name)
		if !set && after == "" {
			return v, true
		}
		joined := bytes.Clone(v.data)
		if len(joined) > 0 {
			joined = append(joined, delimiter...)
		}
		if set {
			s, _ := cast(value, typeStr)
			joined = append(joined, s.data...)
		}
		return text(append(joined, after...)), true
	}, nil
}

func buildHasControl(_ *Loader, a args) (convertFunc, error) {
	wanted := func(c byte) bool { return c < ' ' || c == 0x7f }
	if a.text(0) != "" {
		return nil, &Unsupported{"an argument of has_ctl", "without one, it finds any control character"}
	}
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		return Boolean(slices.ContainsFunc(v.data, wanted)), true
	}, nil
}

// portAt returns the position of the colon before a port, or the end.
func portAt(host []byte) int {
	if at := bytes.LastIndexAny(host, ":]"); at >= 0 && host[at] == ':' {
		return at
	}
	return len(host)
}

func buildLe2dec(_ *Loader, a args) (convertFunc, error) {
	return decimalGroups(a, func(n uint64, place int, b byte) uint64 { return n | uint64(b)<<(8*place) })
}

func buildMapRegm(l *Loader, a args) (convertFunc, error) {
	keys, err := l.index(a[0].text, true, indexKey{method: "reg"})
	if err != nil {
		return nil, err
	}
	if err := l.requireValues(a[0].text, typeReplacement); err != nil {
		return nil, err
	}
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		b := latin1ToUTF8(v.data)
		for _, re := range (*keys.table.Load()).(*regexpTable).get() {
			match := re.what.FindSubmatchIndex(b)
			if match == nil {
				continue
			}
			replacement, err := readReplacement(re.pattern.Value())
			s := substitution{replacement: replacement}
			return text(utf8ToLatin1(s.appendReplacement(nil, b, match))), err == nil
		}
		return Text(a.text(1)), len(a) > 1
	}, nil
}

func buildParam(_ *Loader, a args) (convertFunc, error) {
	name, delimiter := []byte(a[0].text), []byte(a.text(1))
	if len(delimiter) == 0 {
		delimiter = []byte("&")
	}
	if len(delimiter) > 1 {
		return nil, errors.New("delimiter must be a single character.") //nolint:revive,staticcheck // HAProxy's words
	}
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		for pair := range bytes.SplitSeq(v.data, delimiter) {
			if key, value, _ := bytes.Cut(pair, []byte("=")); bytes.Equal(key, name) {
				return text(value), len(value) > 0
			}
		}
		return Value{}, false
	}, nil
}

func reverseDomain(v Value) (Value, bool) {
	name := bytes.TrimSuffix(v.data, []byte("."))
	if len(name) == 0 || name[0] == '.' {
		return Value{}, false
	}
	labels := bytes.Split(name, []byte("."))
	slices.Reverse(labels)
	return text(bytes.Join(labels, []byte("."))), true
}

func buildURLEnc(_ *Loader, a args) (convertFunc, error) {
	if kind := a.text(0); kind != "" && kind != "query" {
		return nil, errors.New("Unexpected encode type. Allowed value is 'query'") //nolint:staticcheck // HAProxy's words
	}
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		out := make([]byte, 0, len(v.data))
		for _, c := range v.data {
			if isUnreserved(c) {
				out = append(out, c)
				continue
			}
			out = appendHex(append(out, '%'), []byte{c})
		}
		return text(out), true
	}, nil
}

func isUnreserved(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '.' || c == '_' || c == '~'
}

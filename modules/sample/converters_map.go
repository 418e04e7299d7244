// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"unsafe"
)

// mapConverters returns the converters that look up values in a file of pairs. The file is indexed
// when the configuration is loaded; its pairs may change at run time.
//
// If several keys match, str, ip and beg choose the longest, and of equal ones the first line. The
// others choose the first line that matches.
func mapConverters() map[string]converter {
	group := make(map[string]converter)
	for _, match := range []string{"str", "beg", "end", "sub", "dir", "dom", "reg", "int", "ip"} {
		for _, out := range []string{"str", "int", "ip", "key"} {
			c := mapConverter(match, out)
			group["map_"+match+"_"+out] = c
			if out == "str" {
				group["map_"+match] = c
			}
			if out == "str" && match == "str" {
				group["map"] = c
			}
		}
	}
	return group
}

func mapConverter(match, out string) converter {
	c := converter{
		args: takes(1, argStr, argStr), in: methods[match].expect, out: typeStr,
		note: "the value of the line of a file whose key matches as the method " + match + " does, or a default",
	}
	switch out {
	case "int":
		c.args, c.out = takes(1, argStr, argInt), typeInt
	case "ip":
		c.out = typeAddr
	case "key":
		c.note = "the key of the line of a file that matches as the method " + match + " does, or a default"
	}
	c.build = func(l *Loader, a args) (convertFunc, error) {
		keys, err := l.index(a[0].text, true, indexKey{method: match})
		if err != nil {
			return nil, err
		}
		if err := l.requireValues(a[0].text, c.out); err != nil {
			return nil, err
		}
		otherwise, err := mapDefault(a, c.out)
		if err != nil {
			return nil, err
		}
		return func(_ *Input, v Value, _ bool) (Value, bool) {
			p := keys.find(v)
			switch {
			case p == nil:
				return otherwise, otherwise.kind != None
			case out == "key":
				return text(p.key), true
			}
			return mapValue(*p.value.Load(), c.out)
		}, nil
	}
	return c
}

func mapDefault(a args, out valueType) (Value, error) {
	switch {
	case len(a) < 2:
		return Value{}, nil
	case out == typeInt:
		return Integer(a[1].number), nil
	case out == typeAddr:
		addr, ok := parseAddr(a[1].text)
		if !ok {
			return Value{}, fmt.Errorf("map: cannot parse default ip <%s>.", a[1].text) //nolint:revive,staticcheck // HAProxy's words
		}
		return Address(addr), nil
	}
	return Text(a[1].text), nil
}

// typeReplacement is the type of the values of map_regm, which may refer to groups of the key.
const typeReplacement = typeBin + 1

// requireValues validates a map's values, if they must be of a type.
func (l *Loader) requireValues(name string, out valueType) error {
	if out == typeStr {
		return nil
	}
	v, err := l.view(name, true)
	if err != nil {
		return err
	}
	return v.requireValues(out)
}

// mapValue returns a map's value as one of a type. It is false if it cannot be parsed.
func mapValue(value []byte, out valueType) (Value, bool) {
	switch out {
	case typeInt:
		n, ok := wholeInt(string(value))
		return Integer(n), ok
	case typeAddr:
		// A conversion would allocate, as the error of a text that is no address refers to it.
		addr, ok := parseAddr(unsafe.String(unsafe.SliceData(value), len(value))) //nolint:gosec // value does not change
		return Address(addr), ok
	case typeReplacement:
		_, err := readReplacement(string(value))
		return Value{}, err == nil
	default:
		return text(value), true
	}
}

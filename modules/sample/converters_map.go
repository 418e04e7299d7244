// SPDX-License-Identifier: Apache-2.0

package sample

import "fmt"

// mapConverters returns the converters that look up values in a file of pairs. The file is indexed
// when the configuration is loaded.
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
		keys, err := l.table(a[0].text, match, false, true)
		if err != nil {
			return nil, err
		}
		values, err := l.column(a[0].text, c.out, out == "key")
		if err != nil {
			return nil, err
		}
		otherwise, err := mapDefault(a, c.out)
		if err != nil {
			return nil, err
		}
		return func(_ *Input, v Value, _ bool) (Value, bool) {
			if k := keys.find(v); k >= 0 {
				return values[k], true
			}
			return otherwise, otherwise.kind != None
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

// column returns the values, or the keys, of a file of pairs.
func (l *Loader) column(name string, out valueType, keys bool) ([]Value, error) {
	key := valuesKey{name, out}
	if keys {
		key.out = typeAny
	}
	if values, ok := l.values[key]; ok {
		return values, nil
	}
	content, err := l.read(name)
	if err != nil {
		return nil, err
	}
	lines := readLines(content, true)
	values := make([]Value, len(lines))
	for k, line := range lines {
		if keys {
			line.value = line.key
		}
		var ok bool
		if values[k], ok = mapValue(line.value, out); !ok {
			return nil, atLine(fmt.Errorf("unable to parse '%s'", line.value), line.number, name)
		}
	}
	if l.values == nil {
		l.values = make(map[valuesKey][]Value)
	}
	l.values[key] = values
	return values, nil
}

func mapValue(s string, out valueType) (Value, bool) {
	switch out {
	case typeInt:
		n, ok := wholeInt(s)
		return Integer(n), ok
	case typeAddr:
		addr, ok := parseAddr(s)
		return Address(addr), ok
	default:
		return Text(s), true
	}
}

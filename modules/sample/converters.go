// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"maps"
	"strings"
)

// A convertFunc converts a value of the converter's input type, or returns false if there is no
// result. settled means that the value can no longer change. It must be safe for concurrent use.
type convertFunc func(in *Input, v Value, settled bool) (Value, bool)

// A converter is a supported converter.
type converter struct {
	args argList
	in   valueType
	out  valueType
	note string

	table   func(a args) (string, bool) // this and the next as in fetch
	changes bool
	value   func(args) (c counter, of int)

	build func(l *Loader, a args) (convertFunc, error)
}

// converters maps names to converters.
var converters = func() map[string]converter {
	all := make(map[string]converter)
	for _, group := range []map[string]converter{textConverters, binaryConverters, stateConverters, numberConverters(), mapConverters(), trimConverters, hashConverters(), moreConverters, tableConverters()} {
		maps.Copy(all, group)
	}
	return all
}()

// totalConverter builds a converter without arguments that always has a result.
func totalConverter(f func(v Value) Value) func(*Loader, args) (convertFunc, error) {
	return func(*Loader, args) (convertFunc, error) {
		return func(_ *Input, v Value, _ bool) (Value, bool) { return f(v), true }, nil
	}
}

// partialConverter builds a converter without arguments that may have no result.
func partialConverter(f func(v Value) (Value, bool)) func(*Loader, args) (convertFunc, error) {
	return func(*Loader, args) (convertFunc, error) {
		return func(_ *Input, v Value, _ bool) (Value, bool) { return f(v) }, nil
	}
}

// findConverter looks up a converter by its name.
func findConverter(name string) (converter, error) {
	if c, ok := converters[name]; ok {
		return c, nil
	}
	if err := unsupported(knownConverters, "converter", name); err != nil {
		return converter{}, err
	}
	return converter{}, unknownName("converter", name)
}

type unknownError struct{ kind, name string }

func unknownName(kind, name string) error { return &unknownError{kind, name} }

func (e *unknownError) Error() string {
	return "unknown " + e.kind + " '" + e.name + "'"
}

// isMap reports whether a converter reads a file, which its first argument names.
func isMap(name string) bool {
	return name == "map" || strings.HasPrefix(name, "map_")
}

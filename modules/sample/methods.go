// SPDX-License-Identifier: Apache-2.0

package sample

// A table finds the pattern that a value matches. The value has the type that the method expects. A
// table must be safe for concurrent use.
type table interface {
	// find returns the position of the pattern, or -1.
	find(v Value) int
}

// A method is a matching method, as -m names it.
type method struct {
	expect valueType
	note   string
	build  func(patterns []string, fold bool) (table, error)
}

// A patternError is an error in the pattern at a position.
type patternError struct {
	position int
	err      error
}

func (e *patternError) Error() string { return e.err.Error() }
func (e *patternError) Unwrap() error { return e.err }

// methodDotted is the method of req.ssl_ver. -m cannot name it.
const methodDotted = "dotted"

var methods = map[string]method{
	"found": {typeAny, "anything, as long as there is a value; patterns do not count", buildAnything},
	"bool":  {typeInt, "anything but 0; patterns do not count", buildBoolTable},
	"int":   {typeInt, "a number, a range such as 1:10, or what follows eq, ge, gt, le or lt", buildRanges},
	"ip":    {typeAddr, "an address, or the addresses with a prefix", buildAddresses},
	"bin":   {typeBin, "bytes, given in hexadecimal", buildBinary},
	"len":   {typeStr, "the length of a string, as int", buildLengths},
	"str":   {typeStr, "the whole string", buildText(wholeText, "")},
	"beg":   {typeStr, "the beginning of a string", buildText(beginOfText, "")},
	"end":   {typeStr, "the end of a string", buildText(endOfText, "")},
	"sub":   {typeStr, "any part of a string", buildText(anyText, "")},
	"dir":   {typeStr, "a part of a string between / and ?", buildText(wordOfText, "/?")},
	"dom":   {typeStr, "a part of a string between . / ? and :", buildText(wordOfText, "/?.:")},
	"reg":   {typeStr, "a regular expression", buildRegexps},
}

// methodTable returns a method by its name, methodDotted included.
func methodTable(name string) method {
	if name == methodDotted {
		return method{expect: typeInt, build: buildVersions}
	}
	return methods[name]
}

// findMethod returns an error if there is no such method.
func findMethod(name string) error {
	if _, ok := methods[name]; ok {
		return nil
	}
	if name == "regm" {
		return &Unsupported{"the matching method 'regm'", unsupportedReason("map_regm")}
	}
	return unknownName("matching method", name)
}

// defaultMethod returns the method for a type, or "" if it must be named.
func defaultMethod(t valueType) string {
	switch t {
	case typeBool:
		return "bool"
	case typeInt:
		return "int"
	case typeAddr, typeIPv4, typeIPv6:
		return "ip"
	case typeStr:
		return "str"
	default:
		return ""
	}
}

// anyTable matches any value, nonzeroTable any number but 0.
type (
	anyTable     struct{}
	nonzeroTable struct{}
)

func buildAnything([]string, bool) (table, error)  { return anyTable{}, nil }
func buildBoolTable([]string, bool) (table, error) { return nonzeroTable{}, nil }

func (anyTable) find(Value) int { return 0 }

func (nonzeroTable) find(v Value) int {
	if v.number == 0 {
		return -1
	}
	return 0
}

// SPDX-License-Identifier: Apache-2.0

package sample

// A finder finds the pattern that a value matches. The value has the type that the method expects.
// A finder must be safe for concurrent use.
type finder interface {
	// find returns the pattern, or nil.
	find(v Value) *Pattern
}

// A table is a finder to which patterns can be added by one goroutine at a time, while others look
// values up.
type table interface {
	finder
	// add adds patterns after those that the table has; none if it returns an error.
	add(patterns []*Pattern) error
	// remove removes patterns, which are marked as gone.
	remove(patterns []*Pattern)
}

// A method is a matching method, as -m names it.
type method struct {
	expect valueType
	note   string
	table  func(fold bool) table // returns an empty table
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
	"found": {typeAny, "anything, as long as there is a value; patterns do not count", newAnyTable},
	"bool":  {typeInt, "anything but 0; patterns do not count", newNonzeroTable},
	"int":   {typeInt, "a number, a range such as 1:10, or what follows eq, ge, gt, le or lt", rangesTable},
	"ip":    {typeAddr, "an address, or the addresses with a prefix", newAddressTable},
	"bin":   {typeBin, "bytes, given in hexadecimal", newBinaryTable},
	"len":   {typeStr, "the length of a string, as int", lengthsTable},
	"str":   {typeStr, "the whole string", textTables(wholeText, "")},
	"beg":   {typeStr, "the beginning of a string", textTables(beginOfText, "")},
	"end":   {typeStr, "the end of a string", textTables(endOfText, "")},
	"sub":   {typeStr, "any part of a string", textTables(anyText, "")},
	"dir":   {typeStr, "a part of a string between / and ?", textTables(wordOfText, "/?")},
	"dom":   {typeStr, "a part of a string between . / ? and :", textTables(wordOfText, "/?.:")},
	"reg":   {typeStr, "a regular expression", newRegexpTable},
}

// methodTable returns a method by its name, methodDotted included.
func methodTable(name string) method {
	if name == methodDotted {
		return method{expect: typeInt, table: versionsTable}
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

// build returns a table of patterns.
func (m method) build(patterns []*Pattern, fold bool) (table, error) {
	t := m.table(fold)
	return t, t.add(patterns)
}

// anyTable matches any value, nonzeroTable any number but 0.
type (
	anyTable     struct{ unpatterned }
	nonzeroTable struct{ unpatterned }
)

// An unpatterned table ignores patterns.
type unpatterned struct{}

func (unpatterned) add([]*Pattern) error { return nil }
func (unpatterned) remove([]*Pattern)    {}

// anyPattern stands for the match of an unpatterned table.
var anyPattern = newPattern(0, "", "")

func newAnyTable(bool) table     { return anyTable{} }
func newNonzeroTable(bool) table { return nonzeroTable{} }

func (anyTable) find(Value) *Pattern { return anyPattern }

func (nonzeroTable) find(v Value) *Pattern {
	if v.number == 0 {
		return nil
	}
	return anyPattern
}

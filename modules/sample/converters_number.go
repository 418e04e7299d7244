// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"math"
)

// numberConverters returns the converters of integers. A result that does not fit becomes the
// nearest that does.
func numberConverters() map[string]converter {
	group := make(map[string]converter)
	binary := func(name, note string, f func(a, b int64) int64) {
		group[name] = converter{args: takes(1, argStr), in: typeInt, out: typeInt, note: note, build: buildOperation(f)}
	}
	binary("add", "plus a number or a variable", addCapped)
	binary("sub", "minus a number or a variable", subCapped)
	binary("mul", "times a number or a variable", mulCapped)
	binary("div", "divided by a number or a variable; by 0, the largest number", divide)
	binary("mod", "the remainder of a division by a number or a variable; by 0, 0", remainder)
	binary("and", "the bits that are also in a number or a variable", func(a, b int64) int64 { return a & b })
	binary("or", "the bits, with those of a number or a variable", func(a, b int64) int64 { return a | b })
	binary("xor", "the bits, inverted where those of a number or a variable are set", func(a, b int64) int64 { return a ^ b })

	unary := func(name, note string, out valueType, f func(n int64) Value) {
		group[name] = converter{in: typeInt, out: out, note: note, build: totalConverter(func(v Value) Value { return f(v.number) })}
	}
	unary("neg", "the negated number", typeInt, func(n int64) Value { return Integer(subCapped(0, n)) })
	unary("cpl", "the inverted bits", typeInt, func(n int64) Value { return Integer(^n) })
	unary("bool", "true if it is not 0", typeBool, func(n int64) Value { return Boolean(n != 0) })
	unary("not", "true if it is 0", typeBool, func(n int64) Value { return Boolean(n == 0) })
	unary("odd", "true for an odd number", typeBool, func(n int64) Value { return Boolean(n&1 == 1) })
	unary("even", "true for an even number", typeBool, func(n int64) Value { return Boolean(n&1 == 0) })
	return group
}

func divide(a, b int64) int64 {
	switch b {
	case 0:
		return math.MaxInt64
	case -1:
		return subCapped(0, a)
	}
	return a / b
}

func remainder(a, b int64) int64 {
	if b == 0 {
		return 0
	}
	return a % b
}

// An operand is a number, or a variable if it has a name.
type operand struct {
	name   string
	number int64
}

func readOperand(s string) (operand, error) {
	if validateVariableName(s) == nil {
		return operand{name: s}, nil
	}
	n, ok := wholeInt(s)
	if !ok {
		return operand{}, errors.New("expects an integer or a variable name")
	}
	return operand{number: n}, nil
}

// isNumberBelow reports whether the operand is a number, not a variable, and less than n.
func (o operand) isNumberBelow(n int64) bool { return o.name == "" && o.number < n }

func (o operand) value(in *Input) (int64, bool) {
	if o.name == "" {
		return o.number, true
	}
	v, ok := lookupVariable(in, o.name)
	if !ok {
		return 0, false
	}
	n, ok := cast(v, typeInt)
	return n.number, ok
}

func buildOperation(f func(a, b int64) int64) func(*Loader, args) (convertFunc, error) {
	return func(_ *Loader, a args) (convertFunc, error) {
		other, err := readOperand(a[0].text)
		if err != nil {
			return nil, err
		}
		return func(in *Input, v Value, _ bool) (Value, bool) {
			n, ok := other.value(in)
			return Integer(f(v.number, n)), ok
		}, nil
	}
}

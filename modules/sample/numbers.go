// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"math"
	"math/bits"
	"strconv"
)

// leadingInt reads a decimal number, with a sign or without one, from the beginning of the text, and returns what
// follows it. No digits are 0, and what does not fit is the nearest number that does.
func leadingInt[T string | []byte](s T) (n int64, rest T) {
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	for len(s) > 0 && '0' <= s[0] && s[0] <= '9' {
		digit := int64(s[0] - '0')
		if negative {
			digit = -digit
		}
		n = addCapped(mulCapped(n, 10), digit)
		s = s[1:]
	}
	return n, s
}

// wholeInt is leadingInt of a text that is nothing but the number.
func wholeInt(s string) (n int64, ok bool) {
	n, rest := leadingInt(s)
	return n, rest == ""
}

// patternInt reads a number in a pattern: at least one digit, nothing else but a minus sign before it, and none too large.
func patternInt(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && s[0] != '+'
}

// addCapped returns the sum, or the nearest number to it.
func addCapped(a, b int64) int64 {
	switch sum := a + b; {
	case a >= 0 && b >= 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}

func subCapped(a, b int64) int64 {
	switch difference := a - b; {
	case a >= 0 && b < 0 && difference < 0:
		return math.MaxInt64
	case a < 0 && b >= 0 && difference >= 0:
		return math.MinInt64
	default:
		return difference
	}
}

func mulCapped(a, b int64) int64 {
	negative := (a < 0) != (b < 0)
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	switch {
	case negative && (high > 0 || low > -math.MinInt64):
		return math.MinInt64
	case !negative && (high > 0 || low > math.MaxInt64):
		return math.MaxInt64
	case negative:
		return -int64(low)
	default:
		return int64(low)
	}
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

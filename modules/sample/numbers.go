// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"math"
	"math/bits"
	"strconv"
)

// leadingInt parses a decimal number with an optional sign at the beginning of the text, and
// returns the text after it. Without digits the number is 0. A number that does not fit becomes the
// nearest that does.
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

// wholeInt parses text that is nothing but a number.
func wholeInt(s string) (n int64, ok bool) {
	n, rest := leadingInt(s)
	return n, rest == ""
}

// patternInt parses a number in a pattern: digits with an optional minus sign, without overflow.
func patternInt(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && s[0] != '+'
}

// addCapped returns the sum, or the nearest number that fits.
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

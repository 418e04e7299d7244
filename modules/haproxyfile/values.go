// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

const day = 24 * time.Hour

// timeUnits holds HAProxy's suffixes of times.
var timeUnits = map[string]time.Duration{
	"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day,
}

// ParseTime parses a time as HAProxy does: digits and a suffix (us, ms, s, m, h, d), or digits
// alone, which count in unit. The unit must be positive. The result is rounded up to a multiple of
// unit. A time other than 0 must be at least one unit, and at most 2147483647 units, or seconds if
// the unit is longer. Errors quote the text.
func ParseTime(text string, unit time.Duration) (time.Duration, error) {
	number, suffix := splitNumber(text)
	factor := unit
	if suffix != "" {
		var ok bool
		if factor, ok = timeUnits[suffix]; number == "" || !ok {
			return 0, unexpected(text, unknownAt(text, suffix), "a whole number and, unless it counts "+unitName(unit)+", one of us, ms, s, m, h, d")
		}
	}
	if number == "" {
		return 0, errors.New("no time: expected a whole number and one of us, ms, s, m, h, d")
	}
	n, err := strconv.ParseInt(number, 10, 64)
	limit := min(unit, time.Second) * math.MaxInt32
	if err != nil || n > int64(limit/factor) {
		return 0, fmt.Errorf("timer overflow in argument '%s': expected at most %d%s%s", text, limit/unit, unitName(unit), overflowHint(unit))
	}
	d := time.Duration(n) * factor
	switch rest := d % unit; {
	case d > 0 && d < unit:
		return 0, fmt.Errorf("timer underflow in argument '%s': expected 0 or at least 1%s", text, unitName(unit))
	case rest > 0:
		return d - rest + unit, nil
	default:
		return d, nil
	}
}

func overflowHint(unit time.Duration) string {
	if unit == time.Millisecond {
		return ", which is about 24.8 days"
	}
	return ""
}

// unitName returns the suffix of a unit.
func unitName(unit time.Duration) string {
	for name, d := range timeUnits {
		if d == unit {
			return name
		}
	}
	return " * " + unit.String()
}

// unknownAt returns the position of the first character of a suffix that fits no suffix of times.
func unknownAt(text, suffix string) int {
	at := len(text) - len(suffix)
	if at == 0 {
		return 0 // no number precedes it
	}
	for n := len(suffix) - 1; n > 0; n-- {
		if _, ok := timeUnits[suffix[:n]]; ok {
			return at + n
		}
	}
	return at
}

// splitNumber splits a text after its leading digits.
func splitNumber(text string) (number, rest string) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	return text[:i], text[i:]
}

// unexpected returns the error for an unexpected character of a value.
func unexpected(text string, at int, expected string) error {
	if at >= len(text) {
		return fmt.Errorf("unexpected end of '%s': expected %s", text, expected)
	}
	c := []rune(text[at:])[0]
	return fmt.Errorf("unexpected character '%c' in '%s': expected %s", c, text, expected)
}

// ParseSize parses a size as HAProxy does: digits, and k, m or g, in either case, for 1024, 1024²
// or 1024³. HAProxy limits most sizes to 4 GiB; here the limit is that of an int64.
func ParseSize(text string) (int64, error) {
	const expected = "a whole number, and k, m or g or nothing after it"
	number, suffix := splitNumber(text)
	if number == "" {
		return 0, unexpected(text, 0, expected)
	}
	shift := 0
	if suffix != "" {
		switch suffix[0] {
		case 'k', 'K':
			shift = 10
		case 'm', 'M':
			shift = 20
		case 'g', 'G':
			shift = 30
		default:
			return 0, unexpected(text, len(number), expected)
		}
		if len(suffix) > 1 {
			return 0, unexpected(text, len(number)+1, expected)
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("size '%s' is too large: expected at most %d bytes", text, int64(math.MaxInt64))
	}
	return n << shift, nil
}

// ParseUint parses a whole number from low to high, which has only digits. In some places HAProxy
// ignores text after the digits; here it is an error.
func ParseUint(text string, low, high int64) (int64, error) {
	number, rest := splitNumber(text)
	if number == "" || rest != "" {
		return 0, unexpected(text, len(number), fmt.Sprintf("a whole number from %d to %d", low, high))
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s is out of range: expected a whole number from %d to %d", text, low, high)
	}
	return n, nil
}

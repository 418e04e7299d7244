// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"math"
	"strings"
)

// A numberRange is a range of numbers, both ends included.
type numberRange struct{ from, to int64 }

// rangeTable tries ranges in order. With length, it compares the length of a string.
type rangeTable struct {
	copiedList[listed[numberRange]]
	what   string // of the numbers, for errors
	number func(string) (int64, bool)
	length bool
}

func rangesTable(bool) table   { return &rangeTable{what: "number", number: patternInt} }
func versionsTable(bool) table { return &rangeTable{what: "dotted number", number: patternVersion} }
func lengthsTable(bool) table  { return &rangeTable{what: "number", number: patternInt, length: true} }

func (r *rangeTable) add(patterns []*Pattern) error {
	return addListed(&r.copiedList, patterns, func(key string) (numberRange, error) { return readRange(key, r.what, r.number) })
}

func (r *rangeTable) remove([]*Pattern) { removeListed(&r.copiedList) }

func (r *rangeTable) find(v Value) *Pattern {
	n := v.number
	if r.length {
		n = int64(len(v.data))
	}
	for _, one := range r.get() {
		if one.what.from <= n && n <= one.what.to {
			return one.pattern
		}
	}
	return nil
}

// readRange parses one number, or two with a colon or a hyphen between them, either of which may be
// left out. So -5 is not a negative number but all numbers up to 5.
func readRange(pattern, what string, read func(string) (int64, bool)) (numberRange, error) {
	r := numberRange{math.MinInt64, math.MaxInt64}
	separator := strings.IndexAny(pattern, ":-")
	if separator < 0 {
		n, ok := read(pattern)
		if !ok {
			kind := " is not a " + what
			if pattern == "" {
				kind = " is not a valid " + what + " range"
			}
			return r, fmt.Errorf("'%s'%s", pattern, kind)
		}
		return numberRange{n, n}, nil
	}
	from, to := pattern[:separator], pattern[separator+1:]
	ok := from != "" || to != ""
	if from != "" {
		r.from, ok = read(from)
	}
	if to != "" && ok {
		r.to, ok = read(to)
	}
	if !ok || r.from > r.to {
		return r, fmt.Errorf("'%s' is not a valid %s range", pattern, what)
	}
	return r, nil
}

// patternVersion parses a version such as 3.1 into the form of packVersion. The dot and the part
// after it may be left out.
func patternVersion(s string) (int64, bool) {
	major, minor, dot := strings.Cut(s, ".")
	if !dot {
		minor = "0"
	}
	high, ok := patternInt(major)
	low, ok2 := patternInt(minor)
	return high<<16 | low, ok && ok2 && high < 1<<16 && low < 1<<16
}

// operatorsToRanges turns the words eq, ge, gt, le and lt into ranges. Each applies to the numbers
// that follow it, up to the next one. Ranges are unchanged.
func operatorsToRanges(words []string, versions bool) ([]string, error) {
	var patterns []string
	operator := "eq"
	for _, word := range words {
		switch word {
		case "eq", "ge", "gt", "le", "lt":
			operator = word
			continue
		}
		if operator != "eq" && !strings.ContainsAny(word, ":-") {
			var err error
			if word, err = operatorRange(operator, word, versions); err != nil {
				return nil, err
			}
		}
		patterns = append(patterns, word)
	}
	return patterns, nil
}

// operatorRange returns the range that an operator and a number mean.
func operatorRange(operator, word string, versions bool) (string, error) {
	n, err := operatorNumber(word, versions)
	if err != nil {
		return "", err
	}
	switch operator {
	case "gt":
		n = addCapped(n, 1)
	case "lt":
		n--
	}
	number := fmt.Sprint(n)
	if versions {
		number = fmt.Sprintf("%d.%d", n>>16, n&0xffff)
	}
	if operator == "ge" || operator == "gt" {
		return number + ":", nil
	}
	return ":" + number, nil
}

// operatorNumber parses the number that an operator applies to; versions have the form of
// packVersion.
func operatorNumber(word string, versions bool) (int64, error) {
	major, minor, dot := strings.Cut(word, ".")
	low, ok := int64(0), true
	if versions && dot {
		low, ok = patternInt(minor)
	}
	n, ok2 := patternInt(major)
	switch {
	case !ok || !ok2:
		return 0, fmt.Errorf("'%s' is neither a number nor a supported operator", word)
	case low >= 1<<16:
		return 0, fmt.Errorf("'%s' contains too large a minor value", word)
	case versions && n >= 1<<16:
		return 0, fmt.Errorf("'%s' contains too large a major value", word)
	case versions:
		n = n<<16 | low
	}
	return n, nil
}

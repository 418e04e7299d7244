// SPDX-License-Identifier: Apache-2.0

package sample

import "regexp"

// buildBinary builds a table of byte strings.
func buildBinary(patterns []string, _ bool) (table, error) {
	decoded := make([]string, len(patterns))
	for k, pattern := range patterns {
		b, err := parseHex(pattern)
		if err != nil {
			return nil, &patternError{k, err}
		}
		decoded[k] = string(b)
	}
	return buildText(wholeText, "")(decoded, false)
}

// regexpTable tries regular expressions in order.
type regexpTable []*regexp.Regexp

func buildRegexps(patterns []string, fold bool) (table, error) {
	list := make(regexpTable, len(patterns))
	for k, pattern := range patterns {
		var err error
		if list[k], err = compileRegexp(pattern, fold); err != nil {
			return nil, &patternError{k, err}
		}
	}
	return list, nil
}

func (r regexpTable) find(v Value) int {
	data := latin1ToUTF8(v.data)
	for k, re := range r {
		if re.Match(data) {
			return k
		}
	}
	return -1
}

// SPDX-License-Identifier: Apache-2.0

package sample

import "regexp"

// newBinaryTable returns a table of byte strings.
func newBinaryTable(bool) table {
	return &textTable{mode: wholeText, parse: func(p *Pattern) ([]byte, error) { return parseHex(string(p.key)) }, keys: newPatternHash()}
}

// regexpTable tries regular expressions in order.
type regexpTable struct {
	copiedList[listed[*regexp.Regexp]]
	fold bool
}

func newRegexpTable(fold bool) table { return &regexpTable{fold: fold} }

func (r *regexpTable) add(patterns []*Pattern) error {
	return addListed(&r.copiedList, patterns, func(key string) (*regexp.Regexp, error) { return compileRegexp(key, r.fold) })
}

func (r *regexpTable) remove([]*Pattern) { removeListed(&r.copiedList) }

func (r *regexpTable) find(v Value) *Pattern {
	data := latin1ToUTF8(v.data)
	for _, re := range r.get() {
		if re.what.Match(data) {
			return re.pattern
		}
	}
	return nil
}

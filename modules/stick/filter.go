// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Filter selects entries. The zero value selects all.
type Filter struct {
	key        []byte // nil: any
	conditions []condition
}

// condition compares a value.
type condition struct {
	value    Value
	operator string
	with     int64
}

// operators are those of HAProxy's `show table`, by the results of a comparison.
var operators = map[string][]int{"eq": {0}, "ne": {-1, 1}, "lt": {-1}, "le": {-1, 0}, "gt": {1}, "ge": {1, 0}}

// Key makes the filter select only the entry of a key, which is given as text.
func (f *Filter) Key(c tables.Config, text string) (err error) {
	f.key, err = ParseKey(c, text)
	return err
}

// Where adds a condition: a value, an operator (eq, ne, lt, le, gt, ge) and a number. All
// conditions must hold.
func (f *Filter) Where(c tables.Config, name, operator, number string) error {
	v, err := ParseValue(c, strings.TrimPrefix(name, "data."))
	if err != nil {
		return err
	}
	if operators[operator] == nil {
		return fmt.Errorf("operator %q: expected eq, ne, lt, le, gt or ge", operator)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return fmt.Errorf("value %q of %s: expected a number", number, name)
	}
	f.conditions = append(f.conditions, condition{v, operator, n})
	return nil
}

// matches reports whether an entry meets the conditions.
func (f *Filter) matches(r tables.Row) bool {
	for _, c := range f.conditions {
		value, _ := r.Get(c.value.Data, c.value.Index)
		if !slices.Contains(operators[c.operator], cmp.Compare(value, c.with)) {
			return false
		}
	}
	return true
}

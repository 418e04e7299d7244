// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Errors about values, in HAProxy's words.
var (
	ErrUnknownData = errors.New("unknown data type")
	ErrNotStored   = errors.New("data type not stored in this table")
)

// Value is one of the values of an entry: an element of an array, or a single one.
type Value struct {
	Data  tables.Data
	Index int
}

// String returns the name of the value: conn_rate, gpc1, gpc1_rate.
func (v Value) String() string {
	name := v.Data.String()
	if !v.Data.IsArray() {
		return name
	}
	before, after, isRate := strings.Cut(name, "_")
	if isRate {
		after = "_" + after
	}
	return before + strconv.Itoa(v.Index) + after
}

// Values returns the values of a table's entries, in HAProxy's order.
func Values(c tables.Config) (all []Value) {
	for d := range tables.NumData {
		for _, s := range c.Store {
			if s.Data != d {
				continue
			}
			for i := range max(s.Count, 1) {
				all = append(all, Value{d, i})
			}
		}
	}
	return all
}

// ParseValue returns the value of a table that a name means. Elements of arrays are gpc1 or gpc[1].
func ParseValue(c tables.Config, name string) (Value, error) {
	plain := strings.NewReplacer("[", "", "]", "").Replace(name)
	for _, v := range Values(c) {
		if v.String() == plain {
			return v, nil
		}
	}
	if isData(plain) || isData(strings.Map(withoutDigits, plain)) {
		return Value{}, fmt.Errorf("%w: %s", ErrNotStored, name)
	}
	return Value{}, fmt.Errorf("%w: %s", ErrUnknownData, name)
}

func isData(name string) bool {
	_, known := tables.ParseData(name)
	return known
}

func withoutDigits(r rune) rune {
	if r >= '0' && r <= '9' {
		return -1
	}
	return r
}

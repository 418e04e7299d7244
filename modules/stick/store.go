// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// ParseStore parses a value of an entry, as [tables.ParseStore] does. The error about an unknown
// one names those that there are.
func ParseStore(word string) (tables.Store, error) {
	s, err := tables.ParseStore(word)
	name, _, _ := strings.Cut(word, "(")
	if _, known := tables.ParseData(name); !known {
		var all []string
		for d := range tables.NumData {
			all = append(all, d.String())
		}
		err = fmt.Errorf("%w%s", err, options.Suggest(name, all))
	}
	return s, err
}

// parseStore parses the values of an entry.
func parseStore(words []string) (all []tables.Store, err error) {
	var stored [256]bool
	for _, word := range words {
		s, err := ParseStore(word)
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		if stored[s.Data] {
			return nil, fmt.Errorf("store: %s is given twice", s.Data)
		}
		stored[s.Data] = true
		all = append(all, s)
	}
	for array, others := range map[tables.Data][]tables.Data{
		tables.GPT: {tables.GPT0}, tables.GPC: {tables.GPC0, tables.GPC1}, tables.GPCRate: {tables.GPC0Rate, tables.GPC1Rate},
	} {
		for _, other := range others {
			if stored[array] && stored[other] {
				return nil, fmt.Errorf("store: %s is an element of %s: expected only one of them", other, array)
			}
		}
	}
	return all, nil
}

// SplitStore splits a list of values at its commas, except those within parentheses.
func SplitStore(list string) (words []string) {
	begin, depth := 0, 0
	for i, c := range list {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			words = append(words, list[begin:i])
			begin = i + 1
		}
	}
	return append(words, list[begin:])
}

// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"cmp"
	"slices"
)

// A Match is the result of looking a text up by one of the methods that a set of patterns is used
// with.
type Match struct {
	Method     string
	IgnoreCase bool
	// Pattern matches; nil: none does.
	Pattern *Pattern
}

// InTree reports whether HAProxy keeps patterns of the method in a tree, and not in a list.
func (m Match) InTree() bool {
	return m.Method == "ip" || !m.IgnoreCase && (m.Method == "str" || m.Method == "beg")
}

// Find looks a text up by each method in use, as HAProxy's get map and get acl do.
func (s *Patterns) Find(value string) []Match {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Match
	for key, x := range s.indexes {
		m := Match{Method: key.method, IgnoreCase: key.fold}
		if v, ok := cast(Text(value), methodTable(key.method).expect); ok {
			m.Pattern = x.find(v)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Match) int { return cmp.Or(cmp.Compare(b.Method, a.Method), cmp.Compare(b.name(), a.name())) })
	return all
}

// name orders matches of one method.
func (m Match) name() string {
	if m.IgnoreCase {
		return "ignoring case"
	}
	return ""
}

// ValueType returns the type of a map's values by HAProxy's name: str, sint or ip.
func (s *Patterns) ValueType() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.values[typeInt] > 0:
		return "sint"
	case s.values[typeAddr] > 0:
		return "ip"
	}
	return "str"
}

// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Route sends the connections that its condition takes to a backend, or ends them.
type Route struct {
	Name      string // in errors
	Condition content.Condition
	Target    Target

	number int         // in the router, from 1
	table  names.Table // of a map that the router's table does not hold
}

// Questions are those of the condition and of the backend's name.
func (r *Route) Questions() []sample.Question {
	all := r.Condition.Questions()
	if r.Target.format != nil {
		all = append(all, r.Target.format.Questions()...)
	}
	return all
}

// match says whether the rule takes the connection, and with which of its
// backends.
func (r *Route) match(v *content.View) (place int, matched bool, err error) {
	if r.Target.isMap {
		name, ok := serverName(v)
		if !ok {
			return 0, false, nil
		}
		to, listed := r.table.Lookup(name)
		if !listed {
			return 0, false, nil
		}
		place = to.Value
	}
	verdict, err := r.Condition.Match(v)
	return place, verdict == sample.Pass, err
}

// names are the server names that the rule consists of, and the places of their
// backends; ok is false where it looks at anything else.
func (r *Route) names() (entries []entry, ok bool) {
	if r.Target.isMap {
		return r.Target.entries, r.matchesUnasked()
	}
	if r.Condition.Unless {
		return nil, false
	}
	for _, set := range r.Condition.Sets {
		if set.ACL != nil || len(set.Others) > 0 || set.Hello == nil || !set.Hello.NamesOnly() {
			return nil, false
		}
		patterns, _ := set.Hello.Names()
		for _, pattern := range patterns {
			entries = append(entries, entry{pattern: pattern})
		}
	}
	return entries, len(r.Condition.Sets) > 0
}

// matchesAll reports whether the matchers let every hello through.
func (r *Route) matchesAll() bool {
	return r.Condition.Always() || !r.Condition.Unless && slices.ContainsFunc(r.Condition.Sets, anyHello)
}

// matchesUnasked reports whether they do so before any of them could fail.
func (r *Route) matchesUnasked() bool {
	sets := r.Condition.Sets
	return len(sets) == 0 || !r.Condition.Unless && anyHello(sets[0])
}

// anyHello reports whether the set lets every hello through.
func anyHello(s content.Set) bool {
	return s.ACL == nil && len(s.Others) == 0 && (s.Hello == nil || s.Hello.Empty())
}

// needsRequest reports whether what the client sends has a part in where the
// rule leads.
func (r *Route) needsRequest() bool {
	return r.Condition.NeedsRequest() || r.Target.needRequest()
}

// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Router picks the backend for a hello: the first route that matches, else the
// default backend. Routes that are plain names are one table; the others are
// tried one after the other, and only those before the table's answer.
type Router struct {
	Default *balancer.Backend // nil: none
	Logger  *zap.Logger       // for warnings of routes

	// Lenient is set where not only hellos are routed (content), by rules in which a
	// mistake is as likely somebody's habit: one that can never match is warned of.
	Lenient bool

	routes []*Route
	names  names.Table // value: a place in the route's target
	others []int       // indexes of the routes that are not in names, in order
}

// Routes are those that have been added, in their order.
func (r *Router) Routes() []*Route { return r.routes }

// Add adds a route behind those that there are. The error names it.
func (r *Router) Add(route *Route) error {
	i := len(r.routes)
	route.number = i + 1
	r.routes = append(r.routes, route)
	switch err := r.checkShadowed(i); {
	case err == nil:
	case r.Lenient:
		r.Logger.Warn(err.Error())
	default:
		return err
	}
	r.warnShadowed(i)
	if err := r.add(i); err != nil {
		return fmt.Errorf("rule %d: %w", i+1, err)
	}
	return nil
}

// add compiles a route.
func (r *Router) add(i int) error {
	route := r.routes[i]
	entries, ok := route.names()
	table := &r.names
	if !ok {
		r.others = append(r.others, i)
		table = &route.table
	}
	for _, e := range entries {
		if err := table.Add(e.pattern, names.Target{Rule: i, Value: e.index}); err != nil {
			return err
		}
	}
	route.Target.entries = nil
	return nil
}

// Route returns the backend for what a view, which is final, shows; nil where there
// is none, or where a rule refuses the connection, which is by. A view has a connection for matchers of other kinds and for
// templates; it is asked for only if one of them is. An error means that a
// matcher failed: what the rule would have said is not known, so no other rule
// may speak for it.
func (r *Router) Route(v *rules.View) (b *balancer.Backend, by *Route, err error) {
	var (
		first names.Target
		found bool
	)
	if name, ok := serverName(v); ok {
		first, found = r.names.Lookup(name)
	}
	for _, i := range r.others {
		if found && i > first.Rule {
			break
		}
		place, matched, err := r.routes[i].match(v)
		if err != nil {
			return nil, nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if matched {
			first, found = names.Target{Rule: i, Value: place}, true
			break
		}
	}
	if found {
		route := r.routes[first.Rule]
		if route.Target.refuses {
			return nil, route, nil
		}
		if b := route.Target.backendFor(first.Value, v); b != nil {
			return b, nil, nil
		}
	}
	return r.Default, nil, nil
}

// serverName is that of the hello, empty if the hello has none; ok is false
// where there is no hello.
func serverName(v *rules.View) (name []byte, ok bool) {
	if v.Hello == nil || v.Hello.Hello() == nil {
		return nil, false
	}
	return v.Hello.Hello().ServerName(), true
}

// needsRequest reports whether what the client sends has a part in where it
// goes.
func (r *Router) needsRequest() bool {
	return slices.ContainsFunc(r.routes, (*Route).needsRequest)
}

// Route sends the connections that its condition takes to a backend, or ends them.
type Route struct {
	Name      string // in errors
	Condition rules.Condition
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
func (r *Route) match(v *rules.View) (place int, matched bool, err error) {
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
func (r *Route) names() (entries []mapEntry, ok bool) {
	if r.Target.isMap {
		return r.Target.entries, r.matchesAllFirst()
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
			entries = append(entries, mapEntry{pattern: pattern})
		}
	}
	return entries, len(r.Condition.Sets) > 0
}

// matchesAll reports whether the matchers let every hello through.
func (r *Route) matchesAll() bool {
	return r.Condition.Always() || !r.Condition.Unless && slices.ContainsFunc(r.Condition.Sets, anyHello)
}

// matchesAllFirst reports whether they do so before any of them could fail.
func (r *Route) matchesAllFirst() bool {
	sets := r.Condition.Sets
	return len(sets) == 0 || !r.Condition.Unless && anyHello(sets[0])
}

// anyHello reports whether the set lets every hello through.
func anyHello(s rules.Set) bool {
	return s.ACL == nil && len(s.Others) == 0 && (s.Hello == nil || s.Hello.Empty())
}

// needsRequest reports whether what the client sends has a part in where the
// rule leads.
func (r *Route) needsRequest() bool {
	return r.Condition.NeedsRequest() || r.Target.needRequest()
}

// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Router picks the backend for a ClientHello: the first route that matches, else the default
// backend. Routes that consist of plain names share one table. The others are tried in order, and
// only those before the table's answer.
type Router struct {
	Default *balancer.Backend // may be nil
	Logger  *zap.Logger       // for warnings about routes

	// Lenient makes a rule that can never match a warning and not an error. It is set for content,
	// whose rules are not about hellos only and are often written so out of habit.
	Lenient bool

	// Names is the number of routes, from the first on, that are for names of sites. Those after them
	// are numbered from 1.
	Names int

	// Place returns the place of a route in the configuration, by its number, or ""; nil: it is not
	// known.
	Place func(number int) string

	routes []*Route
	names  names.Table // value: an index in the route's target
	others []int       // indexes of the routes not in names, ascending

	defaults *frequency.Meter // counts the connections that no route matched
}

// Routes returns the routes in the order in which they were added.
func (r *Router) Routes() []*Route { return r.routes }

// Add adds a route after the others. Errors name it by its number.
func (r *Router) Add(route *Route) error {
	i := len(r.routes)
	route.number = i + 1 - r.Names
	r.routes = append(r.routes, route)
	switch err := r.validateShadowed(i); {
	case err == nil:
	case r.Lenient:
		r.Logger.Warn(err.Error())
	default:
		return err
	}
	r.warnShadowed(i)
	if err := r.add(i); err != nil {
		return fmt.Errorf("%s: %w", route.label(), err)
	}
	return nil
}

// add compiles a route into a table.
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

// Route returns the backend for a view, which must be final. It returns nil if no route matches
// and there is no default, and also if a rule refuses the connection, which is then returned as
// by. The view's Connection is called only if a rule has a template or a matcher of another
// plugin. An error means that a matcher failed: whether its rule matches is unknown, so no later
// rule may decide.
func (r *Router) Route(v *rules.View) (b *balancer.Backend, by *Route, err error) {
	b, by, _, err = r.decide(v)
	return b, by, err
}

// decide returns what Route returns, and what counts the connections that go this way; nil: nothing
// does.
func (r *Router) decide(v *rules.View) (b *balancer.Backend, by *Route, counts *frequency.Meter, err error) {
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
		if v.Observe != nil {
			r.observe(v, i, matched, err)
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", r.routes[i].label(), err)
		}
		if matched {
			first, found = names.Target{Rule: i, Value: place}, true
			break
		}
	}
	if found {
		route := r.routes[first.Rule]
		if v.Observe != nil && !slices.Contains(r.others, first.Rule) {
			r.observe(v, first.Rule, true, nil)
		}
		if route.Target.refuses {
			return nil, route, route.Target.meterOf(0), nil
		}
		if b, counts := route.Target.backendFor(first.Value, v); b != nil {
			return b, nil, counts, nil
		}
	}
	if v.Observe != nil {
		r.observeDefault(v, found)
	}
	return r.Default, nil, r.defaults, nil
}

// serverName returns the name in the hello, empty if it has none. ok is false without a hello.
func serverName(v *rules.View) (name []byte, ok bool) {
	if v.Hello == nil || v.Hello.Hello() == nil {
		return nil, false
	}
	return v.Hello.Hello().ServerName(), true
}

// needsRequest reports whether any route looks at what the client sends.
func (r *Router) needsRequest() bool {
	return slices.ContainsFunc(r.routes, (*Route).needsRequest)
}

// Route sends the connections that match its condition to a backend, or ends them.
type Route struct {
	Name      string // for errors
	Condition rules.Condition
	Target    Target

	number int         // position in the router, from 1; less for names of sites
	table  names.Table // of a map that is not in the router's table
}

// label returns the route's number or, for one of a site, its name.
func (r *Route) label() string {
	if r.number < 1 {
		return r.Name
	}
	return fmt.Sprintf("rule %d", r.number)
}

// Questions returns what the condition and the backend's name ask about.
func (r *Route) Questions() []sample.Question {
	all := r.Condition.Questions()
	if r.Target.format != nil {
		all = append(all, r.Target.format.Questions()...)
	}
	return all
}

// match reports whether the rule matches the connection, and the index of its backend.
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

// names returns the server names of a rule that consists of names only, with the indexes of their
// backends. ok is false if the rule looks at anything else.
func (r *Route) names() (entries []mapEntry, ok bool) {
	if r.Target.isMap {
		return r.Target.entries, r.matchesAllFirst()
	}
	if r.Condition.Unless {
		return nil, false
	}
	for _, set := range r.Condition.Sets {
		if !set.OnlyHello() || set.Hello == nil || !set.Hello.NamesOnly() {
			return nil, false
		}
		patterns, _ := set.Hello.Names()
		for _, pattern := range patterns {
			entries = append(entries, mapEntry{pattern: pattern})
		}
	}
	return entries, len(r.Condition.Sets) > 0
}

// matchesAll reports whether the rule matches every hello.
func (r *Route) matchesAll() bool {
	return r.Condition.Always() || !r.Condition.Unless && slices.ContainsFunc(r.Condition.Sets, anyHello)
}

// matchesAllFirst reports whether the first set of matchers matches every hello, so that no
// matcher can fail before.
func (r *Route) matchesAllFirst() bool {
	sets := r.Condition.Sets
	return len(sets) == 0 || !r.Condition.Unless && anyHello(sets[0])
}

// anyHello reports whether the set matches every hello.
func anyHello(s rules.Set) bool {
	return s.OnlyHello() && (s.Hello == nil || s.Hello.Empty())
}

// needsRequest reports whether the rule looks at what the client sends.
func (r *Route) needsRequest() bool {
	return r.Condition.NeedsRequest() || r.Target.needRequest()
}

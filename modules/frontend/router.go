// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
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
	switch err := r.checkHidden(i); {
	case err == nil:
	case r.Lenient:
		r.Logger.Warn(err.Error())
	default:
		return err
	}
	r.warnHidden(i)
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
		if err := table.Add(e.pattern, names.Target{Rule: i, Value: e.place}); err != nil {
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
func (r *Router) Route(v *content.View) (b *balancer.Backend, by *Route, err error) {
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
		if b := route.Target.at(first.Value, v); b != nil {
			return b, nil, nil
		}
	}
	return r.Default, nil, nil
}

// serverName is that of the hello, empty if the hello has none; ok is false
// where there is no hello.
func serverName(v *content.View) (name []byte, ok bool) {
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

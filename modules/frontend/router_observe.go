// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// step returns a route as a step of a trial.
func (r *Router) step(i int) rules.Step {
	route := r.routes[i]
	s := rules.Step{List: "rule", Number: route.number, Rule: route.Name, Condition: &route.Condition}
	if route.number < 1 {
		s.List, s.Number = "site", i+1
	} else if r.Place != nil {
		s.Origin = r.Place(route.number)
	}
	return s
}

// observe shows the result of a route.
func (r *Router) observe(v *rules.View, i int, matched bool, err error) {
	s := r.step(i)
	if s.Err = err; matched {
		s.Verdict, s.Note = sample.Pass, r.patternNote(v, i)
	}
	v.Observe(s)
}

// patternNote says which pattern of a route the server name matches, if it is a route of names.
func (r *Router) patternNote(v *rules.View, i int) string {
	name, _ := serverName(v)
	for _, table := range []*names.Table{&r.routes[i].table, &r.names} {
		to, _ := table.Lookup(name)
		if pattern := table.Pattern(name); pattern != "" && to.Rule == i {
			return fmt.Sprintf("the name %s matches %s", name, pattern)
		}
	}
	return ""
}

// observeDefault shows that the default backend decides, also where a route has matched that names
// no backend.
func (r *Router) observeDefault(v *rules.View, matched bool) {
	s := rules.Step{List: "default_backend", Note: "no rule matches"}
	if matched {
		s.Note = "the rule that matches names no backend"
	}
	if r.Default != nil {
		s.Rule, s.Verdict = r.Default.Name(), sample.Pass
	}
	v.Observe(s)
}

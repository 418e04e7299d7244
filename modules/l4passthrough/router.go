// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// router picks the backend for a hello: the first rule that matches, else the
// default backend. Rules that are plain names are one table; the others are
// tried one after the other, and only those before the table's answer.
type router struct {
	rules    []*Rule
	names    names.Table // value: a place in the rule's targets
	others   []int       // indexes of the rules that are not in names, in order
	fallback *balancer.Backend
}

func newRouter(ctx caddy.Context, app *balancer.App, rules []*Rule, fallback *balancer.Backend) (*router, error) {
	r := &router{rules: rules, fallback: fallback}
	for i, rule := range rules {
		if rule == nil {
			return nil, fmt.Errorf("rule %d: expected an object with match and backend", i+1)
		}
		if err := rule.provision(ctx, app); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if err := r.checkHidden(i); err != nil {
			return nil, err
		}
		r.warnHidden(ctx.Logger(), i)
		if err := r.add(i); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return r, nil
}

// add compiles a rule.
func (r *router) add(i int) error {
	rule := r.rules[i]
	entries, ok := rule.names()
	table := &r.names
	if !ok {
		r.others = append(r.others, i)
		table = &rule.table
	}
	for _, e := range entries {
		if err := table.Add(e.pattern, names.Target{Rule: i, Value: e.place}); err != nil {
			return err
		}
	}
	rule.targets.entries = nil
	return nil
}

// route is the backend for the hello of an inspection, or nil where there is
// none. connection gives matchers of other kinds something to look at, and
// templates their values; it is called only if one is asked. An error means
// that a matcher failed: what the rule would have said is not known, so no
// other rule may speak for it.
func (r *router) route(hello *clienthello.Inspection, connection func() *layer4.Connection) (*balancer.Backend, error) {
	first, found := r.names.Lookup(hello.Hello().ServerName())
	for _, i := range r.others {
		if found && i > first.Rule {
			break
		}
		place, matched, err := r.rules[i].match(hello, connection)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if matched {
			first, found = names.Target{Rule: i, Value: place}, true
			break
		}
	}
	if found {
		if b := r.rules[first.Rule].targets.at(first.Value, connection); b != nil {
			return b, nil
		}
	}
	return r.fallback, nil
}

// match says whether the rule takes the hello, and with which of its backends.
func (r *Rule) match(hello *clienthello.Inspection, connection func() *layer4.Connection) (place int, matched bool, err error) {
	if r.targets.isMap {
		to, listed := r.table.Lookup(hello.Hello().ServerName())
		if !listed {
			return 0, false, nil
		}
		place = to.Value
	}
	for _, set := range r.sets {
		matched, err := set.match(hello, connection)
		if matched || err != nil {
			return place, matched, err
		}
	}
	return place, len(r.sets) == 0, nil
}

func (s matcherSet) match(hello *clienthello.Inspection, connection func() *layer4.Connection) (bool, error) {
	for _, m := range s.hellos {
		if !m.MatchHello(hello) {
			return false, nil
		}
	}
	if len(s.others) == 0 {
		return true, nil
	}
	matched, err := s.others.Match(connection())
	if errors.Is(err, layer4.ErrConsumedAllPrefetchedBytes) {
		return false, nil
	}
	return matched, err
}

// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"slices"

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
	names    names.Table
	others   []int // indexes of the rules that are not in names, in order
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
		if by, hidden := r.hides(rule); hidden {
			return nil, fmt.Errorf("rule %d (backend %q) can never match: earlier rules take all that it would, first of them rule %d (backend %q); move it up or remove it",
				i+1, rule.Backend, by+1, rules[by].Backend)
		}
		if err := r.add(i); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return r, nil
}

func (r *router) add(i int) error {
	patterns, ok := r.rules[i].names()
	if !ok {
		r.others = append(r.others, i)
		return nil
	}
	for _, p := range patterns {
		if err := r.names.Add(p, i); err != nil {
			return err
		}
	}
	return nil
}

// hides finds the rule among those added that hides rule.
func (r *router) hides(rule *Rule) (by int, hidden bool) {
	if i := slices.IndexFunc(r.others, func(i int) bool { return r.rules[i].matchesAll() }); i >= 0 {
		return r.others[i], true
	}
	return rule.hiddenBy(&r.names)
}

// route is the backend for h, or nil where no rule matches and there is no
// default. connection gives matchers of other kinds something to look at; it
// is called only if one is asked. An error means that a matcher failed: what
// the rule would have said is not known, so no other rule may speak for it.
func (r *router) route(h *clienthello.Hello, connection func() *layer4.Connection) (*balancer.Backend, error) {
	first := len(r.rules)
	if i, ok := r.names.Lookup(h.ServerName()); ok {
		first = i
	}
	for _, i := range r.others {
		if i > first {
			break
		}
		matched, err := r.rules[i].match(h, connection)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if matched {
			first = i
			break
		}
	}
	if first < len(r.rules) {
		return r.rules[first].backend, nil
	}
	return r.fallback, nil
}

func (r *Rule) match(h *clienthello.Hello, connection func() *layer4.Connection) (bool, error) {
	for _, set := range r.sets {
		matched, err := set.match(h, connection)
		if matched || err != nil {
			return matched, err
		}
	}
	return len(r.sets) == 0, nil
}

func (s matcherSet) match(h *clienthello.Hello, connection func() *layer4.Connection) (bool, error) {
	for _, m := range s.hellos {
		if !m.MatchHello(h) {
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

// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// router picks the backend for a hello: the first rule that matches, else the
// default backend. Rules that are plain names are one table; the others are
// tried one after the other, and only those before the table's answer.
type router struct {
	rules    []*Rule
	names    names.Table // value: a place in the rule's targets
	others   []int       // indexes of the rules that are not in names, in order
	fallback *balancer.Backend

	// Not only hellos are routed (content), by rules in which a mistake is as
	// likely somebody's habit: one that can never match is warned of.
	lenient bool
}

func newRouter(ctx caddy.Context, app *balancer.App, rules []*Rule, fallback *balancer.Backend) (*router, error) {
	r := &router{fallback: fallback}
	return r, r.load(ctx, app, rules)
}

func newContentRouter(ctx caddy.Context, app *balancer.App, rules []*Rule, fallback *balancer.Backend) (*router, error) {
	r := &router{fallback: fallback, lenient: true}
	return r, r.load(ctx, app, rules)
}

func (r *router) load(ctx caddy.Context, app *balancer.App, rules []*Rule) error {
	r.rules = rules
	for i := range rules {
		if err := r.loadRule(ctx, app, i); err != nil {
			return &ruleError{i, err}
		}
	}
	return nil
}

// ruleError is what is wrong with a rule.
type ruleError struct {
	rule int
	error
}

func (e *ruleError) Unwrap() error { return e.error }

func (r *router) loadRule(ctx caddy.Context, app *balancer.App, i int) error {
	rule := r.rules[i]
	if rule == nil {
		return fmt.Errorf("rule %d: expected an object with match, and backend or action", i+1)
	}
	rule.number = i + 1
	if err := rule.provision(ctx, app); err != nil {
		return fmt.Errorf("rule %d: %w", i+1, err)
	}
	switch err := r.checkHidden(i); {
	case err == nil:
	case r.lenient:
		ctx.Logger().Warn(err.Error())
	default:
		return err
	}
	r.warnHidden(ctx.Logger(), i)
	if err := r.add(i); err != nil {
		return fmt.Errorf("rule %d: %w", i+1, err)
	}
	return nil
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

// route is the backend for what a view, which is final, shows; nil where there
// is none, or where a rule refuses the connection, which is by. A view has a connection for matchers of other kinds and for
// templates; it is asked for only if one of them is. An error means that a
// matcher failed: what the rule would have said is not known, so no other rule
// may speak for it.
func (r *router) route(v *content.View) (b *balancer.Backend, by *Rule, err error) {
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
		place, matched, err := r.rules[i].match(v)
		if err != nil {
			return nil, nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if matched {
			first, found = names.Target{Rule: i, Value: place}, true
			break
		}
	}
	if found {
		rule := r.rules[first.Rule]
		if rule.refuses() {
			return nil, rule, nil
		}
		if b := rule.targets.at(first.Value, v); b != nil {
			return b, nil, nil
		}
	}
	return r.fallback, nil, nil
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
func (r *router) needsRequest() bool {
	return slices.ContainsFunc(r.rules, (*Rule).needsRequest)
}

// match says whether the rule takes the connection, and with which of its
// backends.
func (r *Rule) match(v *content.View) (place int, matched bool, err error) {
	if r.targets.isMap {
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
	verdict, err := r.condition.Match(v)
	return place, verdict == sample.Pass, err
}

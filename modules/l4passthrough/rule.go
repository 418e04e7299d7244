// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// Rule sends the connections that it matches to a backend. It is HAProxy's
// use_backend.
type Rule struct {
	// MatcherSetsRaw are sets of layer4 matchers: all of a set must match, and
	// one set is enough. Without any the rule always matches. Matchers see the
	// bytes that have been read when the hello is whole; one that needs more
	// does not match.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// Backend is the name of the backend. It may hold placeholders of the
	// connection such as {l4.client_hello.sni}: where they make the name of no
	// backend, the connection goes to the default backend, past all later rules,
	// as in HAProxy.
	Backend string `json:"backend,omitempty"`

	// BackendMap is a file that names a backend for each server name, in place
	// of Backend: "NAME BACKEND" on each line, where NAME has the forms of the
	// matcher client_hello's sni. The most specific name decides. A name that
	// is not in it does not match the rule. The file is read when the
	// configuration is loaded.
	BackendMap string `json:"backend_map,omitempty"`

	sets    []matcherSet
	targets targets
	table   names.Table // of a map that the router's table does not hold
}

// matcherSet is what must match together. What looks at the hello alone is kept
// apart: it needs no connection to look at.
type matcherSet struct {
	hellos []*l4clienthello.Matcher
	others layer4.MatcherSet
}

func (r *Rule) provision(ctx caddy.Context, app *balancer.App) (err error) {
	if r.targets, err = newTargets(app, r); err != nil {
		return err
	}
	return r.loadMatchers(ctx)
}

func (r *Rule) loadMatchers(ctx caddy.Context) error {
	mods, err := ctx.LoadModule(r, "MatcherSetsRaw")
	if err != nil {
		return fmt.Errorf("loading matchers: %w", err)
	}
	for _, mods := range mods.([]map[string]any) {
		var set matcherSet
		// In order of name, so that what a rule says does not depend on chance
		// where one of its matchers fails and another does not match.
		for _, name := range slices.Sorted(maps.Keys(mods)) {
			switch m := mods[name].(type) {
			case *l4clienthello.Matcher:
				set.hellos = append(set.hellos, m)
			case layer4.ConnMatcher:
				set.others = append(set.others, m)
			default:
				return fmt.Errorf("matcher %q (%T) is not a layer4 connection matcher", name, mods[name])
			}
		}
		r.sets = append(r.sets, set)
	}
	return nil
}

// String is how errors call the rule.
func (r *Rule) String() string {
	if r.BackendMap != "" {
		return fmt.Sprintf("backend_map %q", r.BackendMap)
	}
	return fmt.Sprintf("backend %q", r.Backend)
}

// names are the server names that the rule consists of, and the places of their
// backends; ok is false where it looks at anything else.
func (r *Rule) names() (entries []entry, ok bool) {
	if r.targets.isMap {
		return r.targets.entries, r.matchesAll()
	}
	for _, set := range r.sets {
		if len(set.others) > 0 || len(set.hellos) != 1 || !set.hellos[0].NamesOnly() {
			return nil, false
		}
		patterns, _ := set.hellos[0].Names()
		for _, pattern := range patterns {
			entries = append(entries, entry{pattern: pattern})
		}
	}
	return entries, len(r.sets) > 0
}

// takesAll reports whether no hello gets past the rule.
func (r *Rule) takesAll() bool { return !r.targets.isMap && r.matchesAll() }

// matchesAll reports whether the matchers let every hello through.
func (r *Rule) matchesAll() bool {
	return len(r.sets) == 0 || slices.ContainsFunc(r.sets, matcherSet.matchesAll)
}

func (s matcherSet) matchesAll() bool {
	asks := func(m *l4clienthello.Matcher) bool { return !m.Empty() }
	return len(s.others) == 0 && !slices.ContainsFunc(s.hellos, asks)
}

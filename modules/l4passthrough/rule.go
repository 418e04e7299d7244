// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
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

	// Backend is the name of the backend. Required.
	Backend string `json:"backend"`

	sets    []matcherSet
	backend *balancer.Backend
}

// matcherSet is what must match together. What looks at the hello alone is kept
// apart: it needs no connection to look at.
type matcherSet struct {
	hellos []*l4clienthello.Matcher
	others layer4.MatcherSet
}

func (r *Rule) provision(ctx caddy.Context, app *balancer.App) error {
	if r.Backend == "" {
		return errors.New("it has no backend")
	}
	var err error
	if r.backend, err = app.Backend(r.Backend); err != nil {
		return err
	}
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

// names are the server names that the rule consists of; ok is false where it
// looks at anything else.
func (r *Rule) names() (patterns []string, ok bool) {
	for _, set := range r.sets {
		if len(set.others) > 0 || len(set.hellos) != 1 || !set.hellos[0].NamesOnly() {
			return nil, false
		}
		patterns = append(patterns, set.hellos[0].SNI...)
	}
	return patterns, len(r.sets) > 0
}

// matchesAll reports whether every hello matches the rule.
func (r *Rule) matchesAll() bool {
	return len(r.sets) == 0 || slices.ContainsFunc(r.sets, matcherSet.matchesAll)
}

func (s matcherSet) matchesAll() bool {
	narrows := func(m *l4clienthello.Matcher) bool { return len(m.SNI)+len(m.ALPN) > 0 }
	return len(s.others) == 0 && !slices.ContainsFunc(s.hellos, narrows)
}

// hiddenBy is the first rule that leaves nothing to this one, given the table
// of the earlier rules that are plain names.
func (r *Rule) hiddenBy(table *names.Table) (rule int, hidden bool) {
	for i, set := range r.sets {
		by, hidden := set.hiddenBy(table)
		if !hidden {
			return 0, false
		}
		if i == 0 || by < rule {
			rule = by
		}
	}
	return rule, len(r.sets) > 0
}

// hiddenBy looks for one matcher all of whose names are taken.
func (s matcherSet) hiddenBy(table *names.Table) (rule int, hidden bool) {
	for _, m := range s.hellos {
		hidden = len(m.SNI) > 0
		for i, pattern := range m.SNI {
			by, taken := table.Hides(pattern)
			hidden = hidden && taken
			if i == 0 || by < rule {
				rule = by
			}
		}
		if hidden {
			return rule, true
		}
	}
	return 0, false
}

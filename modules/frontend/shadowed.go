// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// validateShadowed returns an error if earlier rules take all connections that rule i would match.
func (r *Router) validateShadowed(i int) error {
	rule := r.routes[i]
	by, hidden := r.shadowedBy(rule)
	if !hidden {
		return nil
	}
	if by < r.Names {
		return fmt.Errorf("%s (%s) can never match: names of sites come before rules and take all that it would, first of them %s; remove it, or make a site of it",
			rule.label(), rule.Name, r.routes[by].Name)
	}
	return fmt.Errorf("%s (%s) can never match: earlier rules take all that it would, first of them %s (%s); move it up or remove it",
		rule.label(), rule.Name, r.routes[by].label(), r.routes[by].Name)
}

// shadowedBy returns the first earlier rule that takes connections of a shadowed rule.
func (r *Router) shadowedBy(rule *Route) (by int, hidden bool) {
	if i := slices.IndexFunc(r.others, func(i int) bool { return r.takesAll(r.routes[i]) }); i >= 0 {
		return r.others[i], true
	}
	if rule.Condition.Unless {
		return 0, false
	}
	if by, hidden := shadowedPatterns(&r.names, rule.mapPatterns()); hidden {
		return by, true
	}
	for i, set := range rule.Condition.Sets {
		first, hidden := shadowedSet(&r.names, set)
		if !hidden {
			return 0, false
		}
		if i == 0 || first < by {
			by = first
		}
	}
	return by, len(rule.Condition.Sets) > 0
}

// takesAll reports whether no connection gets past the rule.
func (r *Router) takesAll(rule *Route) bool {
	switch {
	case rule.Target.isMap:
		return false
	case r.Lenient:
		return rule.Condition.Always()
	default:
		return rule.matchesAll()
	}
}

// mapPatterns returns the patterns of the rule's map.
func (r *Route) mapPatterns() []string {
	patterns := make([]string, 0, len(r.Target.entries))
	for _, e := range r.Target.entries {
		patterns = append(patterns, e.pattern)
	}
	return patterns
}

// shadowedSet reports whether earlier rules take all names of a set of matchers, and the first
// that takes one.
func shadowedSet(table *names.Table, s rules.Set) (rule int, hidden bool) {
	if s.Hello == nil {
		return 0, false
	}
	patterns, _ := s.Hello.Names()
	return shadowedPatterns(table, patterns)
}

// shadowedPatterns returns the first rule that takes any of the patterns, if earlier rules take
// every one of them.
func shadowedPatterns(table *names.Table, patterns []string) (rule int, hidden bool) {
	for i, pattern := range patterns {
		by, taken := table.Hides(pattern)
		if !taken {
			return 0, false
		}
		if i == 0 || by < rule {
			rule = by
		}
	}
	return rule, len(patterns) > 0
}

// warnShadowed logs names in a map that earlier rules take. That may be intended, so it is not an
// error.
func (r *Router) warnShadowed(i int) {
	var hidden []string
	for _, pattern := range r.routes[i].mapPatterns() {
		if _, taken := r.names.Hides(pattern); taken {
			hidden = append(hidden, pattern)
		}
	}
	if len(hidden) > 0 {
		r.Logger.Warn("names in a backend_map that earlier rules take can never match",
			zap.String("backend_map", r.routes[i].Target.file),
			zap.Int("names", len(hidden)),
			zap.String("first", hidden[0]))
	}
}

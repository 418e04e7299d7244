// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// checkShadowed refuses a rule to which those before it leave nothing.
func (r *Router) checkShadowed(i int) error {
	rule := r.routes[i]
	by, hidden := r.shadowedBy(rule)
	if !hidden {
		return nil
	}
	return fmt.Errorf("rule %d (%s) can never match: earlier rules take all that it would, first of them rule %d (%s); move it up or remove it",
		i+1, rule.Name, by+1, r.routes[by].Name)
}

// shadowedBy finds the first rule among those added that hides rule.
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

// takesAll reports whether nothing gets past the rule.
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

// mapPatterns are those of the rule's map.
func (r *Route) mapPatterns() []string {
	patterns := make([]string, 0, len(r.Target.entries))
	for _, e := range r.Target.entries {
		patterns = append(patterns, e.pattern)
	}
	return patterns
}

// shadowedSet looks for a matcher all of whose names are taken.
func shadowedSet(table *names.Table, s rules.Set) (rule int, hidden bool) {
	if s.Hello == nil {
		return 0, false
	}
	patterns, _ := s.Hello.Names()
	return shadowedPatterns(table, patterns)
}

// shadowedPatterns finds the first rule that takes any of the patterns, if every
// one of them is taken.
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

// warnShadowed tells of names in a map that earlier rules take: they may be meant
// so, but they may not.
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

// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4rate"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// View is the input of conditions and expressions: the state of a connection at one moment.
type View struct {
	// Input has the bytes, and reports whether more may come.
	sample.Input

	// Connection returns a connection that replays the bytes, for matchers that cannot read Input. It
	// is called only if there is such a matcher.
	Connection func() *layer4.Connection

	// Counted are the answers of rate matchers about the connection.
	Counted *l4rate.Counted
	// Tracker tracks entries of stick tables for the connection. It may be nil if Tables is.
	Tracker Tracker

	// Resume is the number of the rule at which Decide goes on, from 1; 0: the first, as usual. Decide
	// sets it if a rule waits for the key of an entry to track or for Resolver: those before it are
	// not tried again.
	Resume int

	// Resolver looks up names for the action do_resolve; nil: none has an address.
	Resolver Resolver

	// LooksUp is set by Decide if it returns Wait since a lookup takes time.
	LooksUp bool

	// Redirected is set by the actions set_dst and set_dst_port, which change Destination. Chosen is
	// set, too, if what they have set is not from the configuration alone.
	Redirected, Chosen bool

	// ExpectProxy is set by the action expect_proxy: the connection begins with a PROXY header.
	ExpectProxy bool

	// LogLevel is set by the action set_log_level.
	LogLevel string

	// Priority is set by the actions set_priority_class and set_priority_offset, unless it is nil.
	Priority *Priority

	// Observe is called with each rule that is tried, for connections that are only imagined. With it
	// Trace must be set. nil: the connection is real.
	Observe func(Step)
}

// Condition decides whether a rule applies: HAProxy's if and unless. The zero value is always true.
type Condition struct {
	// Sets holds sets of matchers, one of which must match. If empty, every connection matches.
	Sets []Set

	// Unless inverts the condition: it is true if no set matches.
	Unless bool
}

// Set holds matchers that must all match. Those that need no connection to read bytes are kept
// apart, and run first.
type Set struct {
	ACL    *l4acl.Matcher         // nil: none
	Hello  *l4clienthello.Matcher // nil: none
	Rate   *l4rate.Matcher        // nil: none
	Others layer4.MatcherSet
}

// LoadCondition loads the matchers of a rule. The rule must be a pointer to a struct with the
// fields MatcherSetsRaw and UnlessRaw, of which at most one may be set.
func LoadCondition(ctx caddy.Context, rule any, match, unless []caddy.ModuleMap) (c Condition, err error) {
	switch {
	case len(match) > 0 && len(unless) > 0:
		return c, errors.New("match and unless are mutually exclusive")
	case len(match) > 0:
		c.Sets, err = loadSets(ctx, rule, "MatcherSetsRaw")
	case len(unless) > 0:
		c.Unless = true
		c.Sets, err = loadSets(ctx, rule, "UnlessRaw")
	}
	if err != nil {
		return c, fmt.Errorf("loading matchers: %w", err)
	}
	return c, nil
}

func loadSets(ctx caddy.Context, rule any, field string) (sets []Set, err error) {
	forRules := l4acl.ForRules(ctx)
	mods, err := forRules.LoadModule(rule, field)
	if err != nil {
		return nil, err
	}
	for _, mods := range mods.([]map[string]any) {
		var set Set
		// Sorted by name: if one matcher fails and another does not match, the result must not depend on
		// the map's order.
		for _, name := range slices.Sorted(maps.Keys(mods)) {
			switch m := mods[name].(type) {
			case *l4acl.Matcher:
				set.ACL = m
			case *l4clienthello.Matcher:
				set.Hello = m
			case *l4rate.Matcher:
				set.Rate = m
			case layer4.ConnMatcher:
				set.Others = append(set.Others, m)
			default:
				return nil, fmt.Errorf("matcher %q (%T) is not a layer4 connection matcher", name, mods[name])
			}
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// Match evaluates the condition. An error comes from a matcher, whose answer is then unknown and
// will stay so.
func (c *Condition) Match(v *View) (sample.Verdict, error) {
	if len(c.Sets) == 0 {
		return sample.Pass, nil
	}
	best := sample.Fail
	for i := range c.Sets {
		verdict, err := c.Sets[i].match(v)
		if err != nil {
			return sample.Fail, err
		}
		if best = max(best, verdict); best == sample.Pass {
			break
		}
	}
	if c.Unless {
		return best.Opposite(), nil
	}
	return best, nil
}

// match runs the matchers until one does not pass.
func (s *Set) match(v *View) (sample.Verdict, error) {
	if s.ACL != nil {
		if verdict := s.ACL.MatchInput(&v.Input); verdict != sample.Pass {
			return verdict, nil
		}
	}
	if s.Hello != nil {
		if verdict := s.matchHello(&v.Input); verdict != sample.Pass {
			return verdict, nil
		}
	}
	if s.Rate != nil && !s.matchRate(v) {
		return sample.Fail, nil
	}
	if len(s.Others) == 0 {
		return sample.Pass, nil
	}
	verdict, err := s.matchOthers(v)
	if v.Trace != nil {
		v.Trace.Add(sample.Comparison{Text: s.othersText(), Verdict: verdict})
	}
	return verdict, err
}

// matchOthers runs the matchers that need a connection to read bytes.
func (s *Set) matchOthers(v *View) (sample.Verdict, error) {
	matched, err := s.Others.Match(v.Connection())
	switch {
	case errors.Is(err, layer4.ErrConsumedAllPrefetchedBytes):
		return missing(&v.Input), nil
	case err != nil:
		return sample.Fail, err
	case matched:
		return sample.Pass, nil
	default:
		return sample.Fail, nil
	}
}

func (s *Set) matchHello(in *sample.Input) (verdict sample.Verdict) {
	switch {
	case in.Hello == nil:
	case in.Hello.Outcome() == clienthello.Pending:
		verdict = missing(in)
	case s.Hello.MatchHello(in.Hello):
		verdict = sample.Pass
	}
	if in.Trace != nil {
		in.Trace.Add(sample.Comparison{Text: s.Hello.String(), Values: s.Hello.Compared(in.Hello), Verdict: verdict})
	}
	return verdict
}

func (s *Set) matchRate(v *View) bool {
	if v.Trace == nil {
		return s.Rate.MatchOnce(v.Counted, v.Source.Addr())
	}
	c := sample.Comparison{Text: s.Rate.String(), Values: []string{v.Source.Addr().String()}}
	if s.Rate.WouldMatch(v.Source.Addr()) {
		c.Verdict = sample.Pass
	}
	v.Trace.Add(c)
	return c.Verdict == sample.Pass
}

// missing returns the verdict of a matcher that needs more bytes.
func missing(in *sample.Input) sample.Verdict {
	if in.Final {
		return sample.Fail
	}
	return sample.Miss
}

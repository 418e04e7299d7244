// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Step is a rule that was tried for a connection; see View.Observe.
type Step struct {
	// List has the rule: rule, on, default_backend, persist_rules, use_server or stick; empty for
	// those of a Config.
	List string
	// Number is the position of the rule in its list, from 1.
	Number int
	// Rule has its action, in the words of the configuration.
	Rule string
	// Origin is its place in the configuration, or "".
	Origin string
	// Condition decides whether it applies; nil: it always does.
	Condition *Condition
	Verdict   sample.Verdict
	Err       error
	// Note says more about the result.
	Note string
}

// text returns what the rule does.
func (r *Rule) text() string {
	words := []string{r.Action}
	if r.action.isTracking() {
		words = append(words, fmt.Sprint(r.Counter))
	}
	for _, word := range []string{r.Var, r.Key, r.Value} {
		if word != "" {
			words = append(words, word)
		}
	}
	if r.Resolvers != "" {
		words = append(words, "resolvers", r.Resolvers)
	}
	if r.Table != "" {
		words = append(words, "table", r.Table)
	}
	return strings.Join(words, " ")
}

// String returns the condition as readers of the configuration know it, or "" if it has no
// matchers.
func (c *Condition) String() string {
	if c == nil || len(c.Sets) == 0 {
		return ""
	}
	word, all := "if ", make([]string, len(c.Sets))
	if c.Unless {
		word = "unless "
	}
	for i := range c.Sets {
		all[i] = c.Sets[i].String()
	}
	return word + strings.Join(printable.Shorten(all), " or ")
}

// String returns the matchers of the set.
func (s *Set) String() string {
	var all []string
	if s.ACL != nil {
		for i := range s.ACL.Terms {
			all = append(all, s.ACL.Terms[i].String())
		}
	}
	if s.Hello != nil {
		all = append(all, s.Hello.String())
	}
	if s.Rate != nil {
		all = append(all, s.Rate.String())
	}
	if len(s.Others) > 0 {
		all = append(all, s.othersText())
	}
	return strings.Join(printable.Shorten(all), ", ")
}

// othersText names the matchers that need a connection to read bytes.
func (s *Set) othersText() string {
	var all []string
	for _, m := range s.Others {
		if m, ok := m.(caddy.Module); ok {
			all = append(all, m.CaddyModule().ID.Name())
		}
	}
	return strings.Join(all, ", ")
}

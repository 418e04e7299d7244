// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// decidesWithoutBlocking reports whether choosing a backend runs only this project's own code.
// Matchers of other plugins may block.
func (f *Frontend) decidesWithoutBlocking() bool {
	return !f.Connection.Foreign() && !f.Session.Foreign() && !f.Content.Foreign() && !f.Router.hasForeignMatcher()
}

func (r *Router) hasForeignMatcher() bool {
	return slices.ContainsFunc(r.routes, func(r *Route) bool { return r.Condition.Foreign() })
}

// hasRules reports whether a ruleset, which may be nil, has rules.
func (f *Frontend) hasRules(ruleset *rules.Config) bool {
	return ruleset != nil && len(ruleset.Rules) > 0
}

// picksServerWithoutBlocking reports whether choosing a server of b for the connection cannot
// block.
func (c *connection) picksServerWithoutBlocking(b *balancer.Backend) bool {
	return b.Inline() && (c.input.read || !b.ServerNeedsRequest())
}

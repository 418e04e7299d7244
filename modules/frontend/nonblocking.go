// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// decidesWithoutBlocking reports whether choosing a backend runs only this project's own code.
// Matchers of other plugins may block.
func (f *Frontend) decidesWithoutBlocking() bool {
	return !f.Connection.Foreign() && !f.Session.Foreign() && !f.Content.Foreign() && !f.Router.hasForeignMatcher()
}

func (r *Router) hasForeignMatcher() bool {
	return slices.ContainsFunc(r.routes, func(r *Route) bool { return r.Condition.Foreign() })
}

// hasEarlyRules reports whether rules are tried before anything is read.
func (f *Frontend) hasEarlyRules() bool {
	return f.Connection != nil && len(f.Connection.Rules) > 0 || f.Session != nil && len(f.Session.Rules) > 0
}

// picksServerWithoutBlocking reports whether choosing a server of b for the connection cannot
// block.
func (c *connection) picksServerWithoutBlocking(b *balancer.Backend) bool {
	return b.Inline() && (c.input.read || !b.ServerNeedsRequest())
}

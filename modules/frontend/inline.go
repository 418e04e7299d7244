// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// inline reports whether all that the frontend asks about a connection before it has a
// backend is this project's own. What is not may take its time.
func (f *Frontend) inline() bool {
	return !f.Connection.Foreign() && !f.Session.Foreign() && !f.Content.Foreign() && !f.Router.foreign()
}

func (r *Router) foreign() bool {
	return slices.ContainsFunc(r.routes, func(r *Route) bool { return r.Condition.Foreign() })
}

// screens reports whether there are rules that come before anything is read.
func (f *Frontend) screens() bool {
	return f.Connection != nil && len(f.Connection.Rules) > 0 || f.Session != nil && len(f.Session.Rules) > 0
}

// inlineTo reports whether a server of b is found for the connection without waiting for
// anything.
func (c *connection) inlineTo(b *balancer.Backend) bool {
	return b.Inline() && (c.input.tried || !b.ServerNeedsRequest())
}

// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// inline says how a backend treats connections that must not block.
type inline struct{ possible, needsRequest bool }

func (b *Backend) newInline(p pool.Policy) inline {
	_, quick := p.(pool.NonBlocking)
	asking, asks := p.(interface{ NeedsRequest() bool })
	return inline{
		possible: quick && b.Site == "" && noRules(b.Content) && !b.Response.Foreign() && !b.Stick.Foreign() &&
			!slices.ContainsFunc(b.UseServer, func(u *UseServer) bool { return u.condition.Foreign() }) &&
			!slices.ContainsFunc(b.PersistRules, func(r *PersistRule) bool { return r.condition.Foreign() }),
		needsRequest: asks && asking.NeedsRequest() || b.ForcesByRequest() || b.AssignsByRequest() || b.headersNeedRequest(),
	}
}

func (b *Backend) headersNeedRequest() bool {
	for _, h := range b.headers {
		if h.NeedsRequest() {
			return true
		}
	}
	return false
}

func noRules(c *rules.Config) bool { return c == nil || len(c.Rules) == 0 }

// Inline reports whether a free server can be found without blocking, so that a goroutine which
// many connections share may do it. Policies and matchers of other plugins may block, and so may
// the backend's own content rules.
func (b *Backend) Inline() bool { return b.inline.possible }

// ServerNeedsRequest reports whether the choice of a server depends on bytes that the client sends.
func (b *Backend) ServerNeedsRequest() bool {
	return b.inline.needsRequest || b.extra != nil && b.extra.asks.Load()
}

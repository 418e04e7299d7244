// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// inline is what there is to know of a backend for a connection that must not wait.
type inline struct{ possible, needsRequest bool }

func (b *Backend) newInline(p pool.Policy) inline {
	_, quick := p.(pool.NonBlocking)
	asking, asks := p.(interface{ NeedsRequest() bool })
	return inline{
		possible: quick && b.Site == "" && noRules(b.Content) && noRules(b.Response) &&
			!slices.ContainsFunc(b.UseServer, func(u *UseServer) bool { return u.condition.Foreign() }) &&
			!slices.ContainsFunc(b.PersistRules, func(r *PersistRule) bool { return r.condition.Foreign() }),
		needsRequest: asks && asking.NeedsRequest() || b.ForcesByRequest() || b.AssignsByRequest(),
	}
}

func noRules(c *rules.Config) bool { return c == nil || len(c.Rules) == 0 }

// Inline reports whether a server that is free is found without waiting for anything: on a
// goroutine that others wait for. What is not this project's own, such as a policy or a
// matcher of another plugin, may wait; so do rules of the backend's own.
func (b *Backend) Inline() bool { return b.inline.possible }

// ServerNeedsRequest reports whether anything that the client sends has a part in which
// server a connection gets.
func (b *Backend) ServerNeedsRequest() bool { return b.inline.needsRequest }

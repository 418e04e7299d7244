// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Inline reports whether a server that is free is found without waiting for anything: on a
// goroutine that others wait for. What is not this project's own, such as a policy or a
// matcher of another plugin, may wait; so do rules of the backend's own.
func (b *Backend) Inline() bool {
	_, quick := b.policy.(pool.Quick)
	return quick && b.Site == "" && none(b.Content) && none(b.Response) &&
		!slices.ContainsFunc(b.UseServer, func(u *UseServer) bool { return u.condition.Foreign() }) &&
		!slices.ContainsFunc(b.PersistRules, func(r *PersistRule) bool { return r.condition.Foreign() })
}

func none(c *content.Config) bool { return c == nil || len(c.Rules) == 0 }

// ServerNeedsRequest reports whether anything that the client sends has a part in which
// server a connection gets.
func (b *Backend) ServerNeedsRequest() bool {
	p, asks := b.policy.(interface{ NeedsRequest() bool })
	return asks && p.NeedsRequest() || b.ForcesByRequest() || b.AssignsByRequest()
}

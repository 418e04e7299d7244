// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import "github.com/caddy-passthrough/caddy-passthrough/modules/balancer"

// emitTemplate returns the template as a part of its backend.
func (t *translation) emitTemplate(p *proxy, n *server) *balancer.ServerTemplate {
	to := &balancer.ServerTemplate{Prefix: n.Name, Low: n.low, Count: n.count, Server: *t.emitServer(p, n)}
	to.Name, to.InitAddr = "", nil
	if name := n.service(); name != "" {
		to.Address = name
	}
	return to
}

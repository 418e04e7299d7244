// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
)

// NotDurable returns those addresses whose listeners lose connections at a reload, as they are
// written.
func NotDurable(listen []string) (plain []string) {
	for _, l := range listen {
		addr, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(l, ""))
		if err == nil && !durable.IsNetwork(addr.Network) {
			plain = append(plain, l)
		}
	}
	return plain
}

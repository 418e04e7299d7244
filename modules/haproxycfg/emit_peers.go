// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/peering"
)

// emitPeers returns the sections of peers, except those that are disabled.
func (t *translation) emitPeers() map[string]*peering.Section {
	all := make(map[string]*peering.Section)
	for name, p := range t.peers {
		if !p.disabled {
			all[name] = p.section(t.localPeer)
		}
	}
	return all
}

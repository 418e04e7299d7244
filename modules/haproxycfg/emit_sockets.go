// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbsocket"
)

// emitSockets returns the sockets of the app.
func (t *translation) emitSockets() (all []json.RawMessage) {
	for _, s := range t.statsSockets.sockets {
		s.Timeout = caddy.Duration(t.statsSockets.timeout)
		s.MaxConn = min(t.statsSockets.maxConn, lbsocket.MaxClients)
		all = append(all, caddyconfig.JSON(s, nil))
	}
	return all
}

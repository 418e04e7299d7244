// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
)

// upgradingFrontend returns a frontend in mode tcp that may send connections to a backend in mode
// http, or nil.
func (t *translation) upgradingFrontend(b *proxy) *proxy {
	if !b.isBackend() || !b.isHTTP() || b.skipped {
		return nil
	}
	for p := range t.frontendsOf(b) {
		if !p.isHTTP() && len(p.binds) > 0 {
			return p
		}
	}
	return nil
}

// site returns the name of the listener for connections that become HTTP in a backend. Caddy takes
// it for a host, in which a colon would start a port.
func (p *proxy) site() string { return strings.ReplaceAll(p.name, ":", "..") }

// upgradeServer returns the server for connections that become HTTP in a backend. from is one of
// the frontends in mode tcp that they come from; only the backend's rules apply.
func (t *translation) upgradeServer(from, b *proxy) *httpServer {
	front := &proxy{Pos: from.Pos, kind: "frontend", name: from.name, defaultBackend: reference{b.Pos, b.name}}
	front.mode, front.timeouts = "http", from.timeouts
	return t.newHTTPServer(front, []string{inprocess.Network + "/" + b.site()})
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
)

// upgradingFrontend is a frontend of mode tcp whose connections may go on in a backend of
// mode http; nil if there is none.
func (t *translation) upgradingFrontend(b *proxy) *proxy {
	if !b.isBackend() || !b.isHTTP() || b.skipped {
		return nil
	}
	i := slices.IndexFunc(t.proxies, func(p *proxy) bool {
		return p.isFrontend() && !p.isHTTP() && !p.disabled && len(p.binds) > 0 && p.leadsTo(b)
	})
	if i < 0 {
		return nil
	}
	return t.proxies[i]
}

// site is the name of the listener for connections that become HTTP in a backend.
// It is a host to Caddy, in which a colon would begin a port.
func (p *proxy) site() string { return strings.ReplaceAll(p.name, ":", "..") }

// upgradeServer serves connections of frontends of mode tcp as HTTP: from is one of
// them. The rules are those of the backend alone.
func (t *translation) upgradeServer(from, b *proxy) *httpServer {
	front := &proxy{Pos: from.Pos, kind: "frontend", name: from.name, defaultBackend: reference{b.Pos, b.name}}
	front.mode, front.timeouts = "http", from.timeouts
	return t.newHTTPServer(front, []string{inprocess.Network + "/" + b.site()})
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// noteJoined is the note about connections that the file sends to itself without a PROXY header.
const noteJoined = "the client's address is known there, as with 'send-proxy-v2' and 'accept-proxy'"

// joinSites finds the backends of mode tcp that only lead to a bind with ssl of this file. Their
// connections stay in this process.
func (t *translation) joinSites() {
	var sites []*bind
	for b := range t.activeBinds {
		if b.tls != nil {
			sites = append(sites, b)
		}
	}
	for _, p := range t.proxies {
		if p.joined = t.joinedBind(p, sites); p.joined != nil && !p.joined.acceptProxy {
			t.notice(p.servers[0].Pos, differs, noteJoined, "server "+p.name+"/"+p.servers[0].Name)
		}
	}
}

// joinedBind returns the one of the binds with ssl that a backend of mode tcp leads to, or nil.
func (t *translation) joinedBind(p *proxy, sites []*bind) *bind {
	if !p.isBackend() || p.isHTTP() || p.disabled || p.invalid || len(p.servers) != 1 || !p.isPlain() {
		return nil
	}
	n := p.servers[0]
	if !n.isPlain() {
		return nil
	}
	for _, b := range sites {
		if b.acceptProxy == (n.header.v1 || n.header.v2) && b.isAt(&n.endpoint) && !t.isTracked(p) {
			return b
		}
	}
	return nil
}

// isPlain reports whether a backend passes connections on without rules of its own.
func (p *proxy) isPlain() bool {
	return !p.stateUsed && len(p.response)+len(p.useServer)+len(p.persistRules) == 0 && (p.isFrontend() || len(p.content) == 0)
}

// isPlain reports whether a server is used as long as it listens.
func (n *server) isPlain() bool {
	return !n.invalid && !n.Disabled && (n.Weight == nil || *n.Weight > 0) && n.MaxConn == 0 && !n.agentCheck && !n.ssl &&
		n.Track == "" && n.check.Port == 0 && n.check.Address == ""
}

// isAt reports whether a bind is at an address of this machine that a server has.
func (b *bind) isAt(a *haproxyfile.Address) bool {
	switch {
	case a.Family.IsUnix() || b.Family.IsUnix():
		return a.Family == b.Family && a.Path == b.Path
	case b.Family == haproxyfile.FD || b.Interface != "" || b.Namespace != "" || !a.HasPort || a.Offset != 0 || !b.has(a.Port):
		return false
	}
	host := a.Host
	if host == "localhost" {
		host = "127.0.0.1"
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback() && (b.includes(host) || b.Host == a.Host)
}

// isTracked reports whether a server may take its state from one of p.
func (t *translation) isTracked(p *proxy) bool {
	return slices.ContainsFunc(t.proxies, func(q *proxy) bool {
		return slices.ContainsFunc(q.servers, func(n *server) bool {
			backend, _, named := strings.Cut(n.Track, "/")
			return n.Track != "" && (named && backend == p.name || !named && q == p)
		})
	})
}

// isJoined reports whether a backend leads to a bind line.
func (t *translation) isJoined(tls *bindTLS) bool {
	return slices.ContainsFunc(t.proxies, func(p *proxy) bool { return p.joined != nil && p.joined.tls == tls })
}

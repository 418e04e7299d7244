// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
)

// listening are binds of a frontend in mode http that one server of Caddy can have.
type listening struct {
	acceptProxy bool
	tls         *bindTLS
}

// emitHTTPServers translates a frontend in mode http. It returns several servers for one with
// different kinds of binds.
func (t *translation) emitHTTPServers(p *proxy) map[string]*httpServer {
	if !p.isFrontend() || len(p.binds) == 0 {
		return nil
	}
	made := make(map[string]*httpServer)
	for _, l := range p.listenings() {
		s := t.newHTTPServer(p, t.addresses(p, l))
		s.useTLS(l.tls)
		if l.acceptProxy {
			s.ListenerWrappers = p.proxyWrappers()
		}
		name := p.name
		if made[name] != nil {
			name = freeName(made, p.name+l.suffix())
		}
		made[name] = s
		if site := t.siteOf(p, l.tls); l.tls != nil && t.isJoined(l.tls) && made[site] == nil {
			joined := t.newHTTPServer(p, []string{site})
			joined.useTLS(l.tls)
			made[site] = joined
		}
	}
	return made
}

// listenings returns the kinds of binds of a frontend: plain ones first, then in order.
func (p *proxy) listenings() []listening {
	all, seen := []listening{}, make(map[listening]bool)
	add := func(l listening) {
		if !seen[l] {
			seen[l] = true
			all = append(all, l)
		}
	}
	for _, acceptProxy := range []bool{false, true} {
		for i := range p.binds {
			if b := &p.binds[i]; b.tls == nil && b.acceptProxy == acceptProxy {
				add(listening{acceptProxy, nil})
			}
		}
	}
	for i := range p.binds {
		add(listening{p.binds[i].acceptProxy, p.binds[i].tls})
	}
	return all
}

func (l listening) suffix() (text string) {
	if l.tls != nil {
		text = " ssl"
	}
	if l.acceptProxy {
		text += " accept-proxy"
	}
	return text
}

// freeName returns a name that no server has, with a number if need be.
func freeName(taken map[string]*httpServer, name string) string {
	free := name
	for n := 2; taken[free] != nil; n++ {
		free = name + " " + strconv.Itoa(n)
	}
	return free
}

// addresses returns the addresses of the binds of one kind.
func (t *translation) addresses(p *proxy, kind listening) (listen []string) {
	for i := range p.binds {
		b := &p.binds[i]
		if b.acceptProxy != kind.acceptProxy || b.tls != kind.tls {
			continue
		}
		for _, part := range t.parts(b) {
			l := part.String()
			if b.mode != "" && b.Family == haproxyfile.Unix {
				l += "|" + b.mode
			}
			listen = append(listen, l)
		}
	}
	return listen
}

// siteOf returns the address in this process of a bind line with ssl. The name of a backend that
// becomes HTTP may be the same: see site.
func (t *translation) siteOf(p *proxy, tls *bindTLS) string {
	name := p.site() + ".ssl"
	for i := range p.binds {
		switch b := &p.binds[i]; {
		case b.tls == tls:
			return inprocess.Network + "/" + name
		case b.tls != nil && (i == 0 || p.binds[i-1].tls != b.tls):
			name += "-"
		}
	}
	return ""
}

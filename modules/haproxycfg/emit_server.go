// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"net"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// emitServer is a server in the backend's configuration.
func (t *translation) emitServer(p *proxy, n *server) *balancer.Server {
	clients := 0
	if !n.address.HasPort {
		clients = t.portFor(p)
	}
	s := &balancer.Server{Name: n.name, Address: n.dial(clients), ID: n.id, Weight: n.weight, Backup: n.backup, Disabled: n.disabled, ResolvePrefer: n.prefer}
	s.MaxConn, s.MinConn, s.MaxQueue, s.SlowStart = n.maxconn, n.minconn, n.maxqueue, caddy.Duration(n.slowstart)
	s.OnMarkedDown, s.OnMarkedUp = underscores(n.onMarkedDown), underscores(n.onMarkedUp)
	s.Track = n.track
	if n.check.on { // HAProxy, too, observes nothing without a check
		s.Check = t.emitCheck(p, n)
		s.InitState = underscores(n.initState)
		if observe := map[string]string{"layer4": "layer4", "layer7": "first_byte"}[n.observe]; observe != "" {
			s.Observe, s.ErrorLimit, s.OnError = observe, n.errorLimit, underscores(n.onError)
		}
	}
	if n.agent {
		s.Agent = &balancer.Agent{Address: n.agentAddress, Port: n.agentPort, Interval: durationOrZero(n.agentInterval), Send: n.agentSend}
	}
	return s
}

// emitServerUses are the rules in our words.
func (p *proxy) emitServerUses() (rules []*balancer.UseServer) {
	for _, u := range p.useServer {
		r := new(balancer.UseServer)
		r.MatcherSetsRaw, r.UnlessRaw = u.cond.sets()
		if u.dynamic {
			r.ServerFormat = u.name
		} else {
			r.Server = u.name
		}
		rules = append(rules, r)
	}
	return rules
}

// emitPersistRules are the rules in our words. They are about use-server alone.
func (p *proxy) emitPersistRules() (rules []*balancer.PersistRule) {
	if len(p.useServer) == 0 {
		return nil
	}
	for _, r := range p.persistRules {
		to := &balancer.PersistRule{Action: r.action}
		to.MatcherSetsRaw, to.UnlessRaw = r.cond.sets()
		rules = append(rules, to)
	}
	return rules
}

// dial is the server's address in our words. Where it has no port, that is the one that
// clients come to, plus its offset; 0: they come to several.
func (n *server) dial(clients int) string {
	if name, ok := abstractName(&n.address); ok {
		return name
	}
	if n.address.Family == haproxyfile.Unix {
		return "unix/" + n.address.Path
	}
	port := strconv.Itoa(n.address.Port)
	if !n.address.HasPort {
		at := clients + n.address.Offset
		if port = strconv.Itoa(at); clients == 0 || at < 1 || at > 65535 {
			port = fmt.Sprintf("%+d", n.address.Offset)
		}
	}
	return familyOf(&n.address) + net.JoinHostPort(n.address.Host, port)
}

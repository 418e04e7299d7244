// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"net"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// emitServer returns the server as a part of its backend.
func (t *translation) emitServer(p *proxy, n *server) *balancer.Server {
	clients := 0
	if !n.endpoint.HasPort && n.service() == "" && !t.setsPorts() {
		clients = t.portFor(p)
	}
	s := n.Server
	if t.withServers()[s.Resolvers] == nil {
		s.Resolvers = ""
	}
	if s.Resolvers == "" {
		s.InitAddr = nil
	}
	s.Address = n.dial(clients)
	s.SocketOptions, s.ProxyHeader = p.emitServerSocket(n), n.header.emit()
	if n.check.on {
		s.Check = t.emitCheck(p, n)
		s.Observe = map[string]string{"layer4": "layer4", "layer7": "first_byte"}[n.observe]
	} else { // HAProxy observes nothing without a check either
		s.InitState = ""
	}
	if s.Observe == "" {
		s.ErrorLimit, s.OnError = 0, ""
	}
	if n.agentCheck {
		agent := n.agent
		s.Agent = &agent
	}
	return &s
}

// emitServerUses returns the use-server rules.
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

// emitPersistRules returns the force-persist and ignore-persist rules, which affect use-server and
// stick alone.
func (p *proxy) emitPersistRules() (rules []*balancer.PersistRule) {
	if len(p.useServer) == 0 && len(p.stick) == 0 {
		return nil
	}
	for _, r := range p.persistRules {
		to := &balancer.PersistRule{Action: r.action}
		to.MatcherSetsRaw, to.UnlessRaw = r.cond.sets()
		rules = append(rules, to)
	}
	return rules
}

// dial returns the address to connect to. A server without a port gets the port that clients
// connect to plus its offset; clients is 0 if there are several such ports.
func (n *server) dial(clients int) string {
	if name, ok := abstractName(&n.endpoint); ok {
		return name
	}
	if n.endpoint.Family == haproxyfile.Unix {
		return "unix/" + n.endpoint.Path
	}
	port := strconv.Itoa(n.endpoint.Port)
	switch {
	case isClientDestination(&n.endpoint) && !n.endpoint.HasPort:
		return fmt.Sprintf("*:%+d", n.endpoint.Offset)
	case isClientDestination(&n.endpoint):
		return "*:" + port
	case !n.endpoint.HasPort:
		at := clients + n.endpoint.Offset
		if port = strconv.Itoa(at); clients == 0 || at < 1 || at > 65535 {
			port = fmt.Sprintf("%+d", n.endpoint.Offset)
		}
	}
	return familyOf(&n.endpoint) + net.JoinHostPort(n.endpoint.Host, port)
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
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
		s.Agent = &balancer.Agent{Address: n.agentAddress, Port: n.agentPort, Interval: interval(n.agentInterval), Send: n.agentSend}
	}
	return s
}

func underscores(word string) string { return strings.ReplaceAll(word, "-", "_") }

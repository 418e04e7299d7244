// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// emitServer is a server in the backend's configuration.
func (t *translation) emitServer(p *proxy, n *server) *balancer.Server {
	port := 0
	if !n.address.HasPort {
		port = t.portFor(p)
	}
	s := &balancer.Server{Name: n.name, Address: n.dial(port), ID: n.id, Weight: n.weight, Backup: n.backup, Disabled: n.disabled}
	s.MaxConn, s.MinConn, s.MaxQueue, s.SlowStart = n.maxconn, n.minconn, n.maxqueue, caddy.Duration(n.slowstart)
	s.OnMarkedDown, s.OnMarkedUp = underscores(n.onMarkedDown), underscores(n.onMarkedUp)
	s.OnError, s.ErrorLimit, s.InitState = underscores(n.onError), n.errorLimit, underscores(n.initState)
	if n.observe != "none" {
		s.Observe = n.observe
	}
	s.Track = n.track
	if n.check.on {
		s.Check = n.emitCheck(p)
	}
	if n.agent {
		s.Agent = &balancer.Agent{Address: n.agentAddress, Port: n.agentPort, Interval: interval(n.agentInterval), Send: n.agentSend}
	}
	return s
}

func underscores(word string) string { return strings.ReplaceAll(word, "-", "_") }

func interval(d *time.Duration) caddy.Duration {
	if d == nil {
		return 0
	}
	return caddy.Duration(*d)
}

func (n *server) emitCheck(p *proxy) *balancer.Check {
	c, header := &n.check, ""
	if c.sendProxy {
		header = "v1"
	}
	return &balancer.Check{
		CheckerRaw:   n.checker(&p.check),
		Interval:     interval(c.interval),
		FastInterval: interval(c.fast),
		DownInterval: interval(c.down),
		Rise:         c.rise,
		Fall:         c.fall,
		Address:      c.address,
		Port:         c.port,
		SendProxy:    header,
	}
}

// checker is what a check does, in the words of the checkers.
func (n *server) checker(h *healthCheck) json.RawMessage {
	module, with := h.module, make(map[string]any)
	tls := n.tls()
	switch {
	case module == "http":
		with = fields(h.http)
	case module == "tcp_script" && len(h.steps) > 0:
		with["steps"] = h.steps
	case module == "ssl_hello":
	case tls != nil:
		module, with, tls = "tls", tls, nil
	default:
		module = "tcp"
	}
	if tls == nil && h.ssl {
		tls = map[string]any{}
	}
	if tls != nil && module != "ssl_hello" {
		with["tls"] = tls
	}
	return caddyconfig.JSONModuleObject(with, "module", module, nil)
}

// tls is what the check says of TLS; nil where it uses none.
func (n *server) tls() map[string]any {
	if !n.check.tls {
		return nil
	}
	with := make(map[string]any)
	for name, value := range map[string]string{"server_name": n.check.serverName, "ca": n.check.caFile} {
		if value != "" {
			with[name] = value
		}
	}
	if n.check.alpn != "" {
		with["alpn"] = strings.Split(n.check.alpn, ",")
	}
	if n.check.verify == "none" {
		with["verify"] = "none"
	}
	return with
}

// fields are those of a struct that have a value.
func fields(v any) map[string]any {
	m := make(map[string]any)
	_ = json.Unmarshal(caddyconfig.JSON(v, nil), &m)
	return m
}

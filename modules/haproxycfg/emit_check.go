// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"encoding/json"
	"net"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

func (t *translation) emitCheck(p *proxy, n *server) *balancer.Check {
	check, h := n.check.Check, t.checkOf(p, n)
	check.CheckerRaw, check.Spread, check.Log = t.emitChecker(p, n), t.spread, p.check.log
	if h.module == externalModule { // the program gets the server's address, and connects as it likes
		check.Address, check.Port = "", 0
	}
	check.SendProxy = n.emitCheckHeader(h)
	return &check
}

// emitChecker returns the checker of a server's health check.
func (t *translation) emitChecker(p *proxy, n *server) json.RawMessage {
	h := t.checkOf(p, n)
	switch h.module {
	case "ssl_hello":
		return caddyconfig.JSONModuleObject(struct{}{}, "module", h.module, nil)
	case tcpScript, httpScript:
		name, made := t.emitScript(n, h)
		if made == nil {
			break
		}
		return caddyconfig.JSONModuleObject(made, "module", name, nil)
	case "mysql", "pgsql", "ldap", "smtp", "redis", "spop":
		return t.emitProtocolChecker(n, h)
	case externalModule:
		return t.emitExternalChecker(p, n)
	}
	if n.check.tls {
		return caddyconfig.JSONModuleObject(t.emitCheckTLS(n, "", ""), "module", "tls", nil)
	}
	return caddyconfig.JSONModuleObject(struct{}{}, "module", "tcp", nil)
}

// emitScript returns the checker that the rules become, or nil if there are no rules.
func (t *translation) emitScript(n *server, h *healthCheck) (name string, made caddy.Provisioner) {
	steps, request := t.emitSteps(n, h)
	if len(steps) == 0 && request == nil {
		return "", nil
	}
	var tls *checks.TLS
	if n.check.tls && !h.connects() {
		tls = t.emitScriptTLS(n, h, connectOptions{})
	}
	asks := request != nil || slices.ContainsFunc(steps, func(s *checks.Step) bool { return s.Request != nil || s.Expect != nil })
	if h.module == tcpScript || !asks {
		return tcpScript, &checks.TCPScript{Steps: steps, TLS: tls}
	}
	return httpScript, &checks.HTTPScript{Request: request, Steps: steps, TLS: tls, DrainOn404: h.drainOn404, SendState: h.sendState}
}

// emitScriptTLS returns the TLS settings of a script. One over HTTP offers HTTP protocols only.
func (t *translation) emitScriptTLS(n *server, h *healthCheck, v connectOptions) *checks.TLS {
	made := t.emitCheckTLS(n, v.sni, v.alpn)
	if h.module == httpScript {
		made.ALPN = httpProtocols(made.ALPN)
		made.ALPNOptional = len(made.ALPN) > 0
	}
	return made
}

// emitSteps returns the steps of a script, and the request of "option httpchk".
func (t *translation) emitSteps(n *server, h *healthCheck) (out []*checks.Step, request *checks.Request) {
	for _, s := range h.rules.steps {
		made := s.Step
		if s.connectOptions.given {
			made.Connect = t.emitConnect(n, h, s)
		}
		if s.Request != nil {
			asked := *s.Request
			asked.Method = cmp.Or(asked.Method, "OPTIONS")
			if made.Request = &asked; s.fromHTTPChk {
				request = &asked
				continue
			}
		}
		out = append(out, &made)
	}
	return out, request
}

// emitConnect returns a connect step for a server.
func (t *translation) emitConnect(n *server, h *healthCheck, s checkStep) *checks.ConnectStep {
	made, o := *s.Connect, s.connectOptions
	if o.tls || o.usual && n.check.tls {
		made.TLS = t.emitScriptTLS(n, h, o)
	}
	made.SendProxy = n.emitStepHeader(o)
	return &made
}

// emitCheckTLS returns the TLS settings of a health check. HAProxy verifies the certificate against
// the name that it sends, or else against verifyhost, if given.
func (t *translation) emitCheckTLS(n *server, sni, alpn string) *checks.TLS {
	c := &n.check
	if sni == "" {
		sni = c.serverName
	}
	made := new(n.checkTLS)
	made.ServerName, made.ALPN = sni, n.protocols(alpn)
	made.ALPNOptional = len(made.ALPN) > 0
	switch {
	case !t.verifies(n):
		made.Verify = "none"
		return made
	case sni == "" && c.verifyHost == "":
		made.Verify = "chain"
	case sni == "":
		made.ServerName = c.verifyHost
	}
	if c.caFile != systemCA {
		made.CA, _ = t.fileBelow(t.caBase, c.caFile) // validateCA has read it
	}
	return made
}

func (t *translation) emitProtocolChecker(n *server, h *healthCheck) json.RawMessage {
	var tls *checks.TLS
	if n.check.tls {
		tls = t.emitCheckTLS(n, "", "")
	}
	return caddyconfig.JSONModuleObject(h.protocolChecker(tls), "module", h.module, nil)
}

// emitExternalChecker returns the checker that runs the program for a server. HAProxy numbers
// servers from 1.
func (t *translation) emitExternalChecker(p *proxy, n *server) json.RawMessage {
	e := &p.check.program
	c := checks.External{Command: e.command, Listener: p.firstListener(), InheritEnvironment: t.external.preserveEnv, Environment: map[string]string{
		"HAPROXY_SERVER_ID":      strconv.Itoa(cmp.Or(n.ID, 1+slices.Index(p.servers, n))),
		"HAPROXY_SERVER_MAXCONN": strconv.Itoa(n.MaxConn),
		"HAPROXY_SERVER_PROTO":   cmp.Or(p.mode, "tcp"),
		"HAPROXY_SERVER_SSL":     "0",
	}}
	if e.path != "" {
		c.Environment["PATH"] = e.path
	}
	return caddyconfig.JSONModuleObject(c, "module", externalModule, nil)
}

// firstListener returns the address of the proxy's first bind, which the program gets.
func (p *proxy) firstListener() string {
	if len(p.binds) == 0 {
		return ""
	}
	switch b := &p.binds[0]; {
	case b.Family.IsUnix():
		return b.Path
	case b.Family == haproxyfile.IPv6:
		return net.JoinHostPort(cmp.Or(b.Host, "::"), strconv.Itoa(b.Port))
	case b.HasPort:
		return net.JoinHostPort(cmp.Or(b.Host, "0.0.0.0"), strconv.Itoa(b.Port))
	}
	return ""
}

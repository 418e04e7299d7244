// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

func interval(d *time.Duration) caddy.Duration {
	if d == nil {
		return 0
	}
	return caddy.Duration(*d)
}

// proxyHeader1 is the version of the PROXY protocol whose header checks send.
const proxyHeader1 = "v1"

func (t *translation) emitCheck(p *proxy, n *server) *balancer.Check {
	c := &n.check
	check := &balancer.Check{
		CheckerRaw:   t.checker(p, n),
		Interval:     interval(c.interval),
		FastInterval: interval(c.fast),
		DownInterval: interval(c.down),
		Rise:         c.rise,
		Fall:         c.fall,
		Address:      c.address,
		Port:         c.port,
		Spread:       t.spread,
		Log:          p.check.log,
	}
	connect := &p.check.http.connect
	if p.check.module != "http" {
		connect = new(checkStep)
	}
	if connect.via.given {
		if connect.Connect.Address != "" {
			check.Address = connect.Connect.Address
		}
		if connect.Connect.Port != 0 {
			check.Port = connect.Connect.Port
		}
	}
	// A script's connects say it themselves.
	if (connect.via.proxy || c.sendProxy && (!connect.via.given || connect.via.usual)) && !slices.ContainsFunc(p.check.steps, func(s checkStep) bool { return s.via.given }) {
		check.SendProxy = proxyHeader1
	}
	return check
}

// checker is what a check does.
func (t *translation) checker(p *proxy, n *server) json.RawMessage {
	h := &p.check
	switch h.module {
	case "http":
		c := h.http.checker()
		if v := h.http.connect.via; v.tls || n.check.tls && (!v.given || v.usual) {
			c.TLS = t.checkTLS(n, v.sni, v.alpn)
			c.TLS.ALPN = overHTTP(c.TLS.ALPN)
			c.TLS.ALPNOptional = len(c.TLS.ALPN) > 0
		}
		return caddyconfig.JSONModuleObject(c, "module", h.module, nil)
	case "ssl_hello":
		return caddyconfig.JSONModuleObject(struct{}{}, "module", h.module, nil)
	case "tcp_script":
		if len(h.steps) > 0 {
			return caddyconfig.JSONModuleObject(checks.TCPScript{Steps: t.emitSteps(n, h.steps)}, "module", "tcp_script", nil)
		}
	case "mysql", "pgsql", "ldap", "smtp", "redis", "spop":
		return t.protocolChecker(n, h)
	}
	if n.check.tls {
		return caddyconfig.JSONModuleObject(t.checkTLS(n, "", ""), "module", "tls", nil)
	}
	return caddyconfig.JSONModuleObject(struct{}{}, "module", "tcp", nil)
}

// emitSteps are those of a script. One that does not begin with a connect does so
// as the server's line says.
func (t *translation) emitSteps(n *server, steps []checkStep) (out []*checks.Step) {
	if !steps[0].via.given && n.check.tls {
		steps = slices.Insert(slices.Clone(steps), 0, checkStep{Step: checks.Step{Connect: new(checks.ConnectStep)}, via: via{given: true, usual: true}})
	}
	for _, s := range steps {
		made := s.Step
		if s.via.given {
			connect := *s.Connect
			if s.via.tls || s.via.usual && n.check.tls {
				connect.TLS = t.checkTLS(n, s.via.sni, s.via.alpn)
			}
			if s.via.proxy || s.via.usual && n.check.sendProxy {
				connect.SendProxy = 1
			}
			made.Connect = &connect
		}
		out = append(out, &made)
	}
	return out
}

// checkTLS is how a check speaks TLS. HAProxy holds the certificate against the
// name that it sends, or else that of verifyhost, if there is one.
func (t *translation) checkTLS(n *server, sni, alpn string) *checks.TLS {
	c := &n.check
	if sni == "" {
		sni = c.serverName
	}
	made := new(n.offer)
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
		made.CA, _ = t.based(t.caBase, c.caFile) // which has been read
	}
	return made
}

// systemCA is HAProxy's name of the system's authorities.
const systemCA = "@system-ca"

// verifies reports whether the certificate of a server is looked at.
func (t *translation) verifies(n *server) bool {
	return n.check.verify != "none" && (n.check.verify != "" || !t.verifyNone)
}

// speaksTLS reports whether a check does whatever the server's line says.
func (h *healthCheck) speaksTLS() bool {
	if h.module == "http" {
		return h.http.connect.via.tls
	}
	return h.module == "tcp_script" && slices.ContainsFunc(h.steps, func(s checkStep) bool { return s.via.tls })
}

// checkCA says what is wrong with the file of those whom a check trusts.
func (t *translation) checkCA(name string) error {
	if name == "" || name == systemCA {
		return nil
	}
	file, err := t.based(t.caBase, name)
	if err == nil {
		_, err = memo(t.roots, file, func() (*x509.CertPool, error) { return checks.ReadRoots(file) })
	}
	if err != nil {
		return fmt.Errorf("'ca-file' : %w", err)
	}
	return nil
}

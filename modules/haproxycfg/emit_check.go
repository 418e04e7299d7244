// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
			c.TLS = t.checkTLS(n, v.sni, "")
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
	if alpn == "" {
		alpn = c.alpn
	}
	made := &checks.TLS{ServerName: sni}
	if alpn != "" {
		made.ALPN, made.ALPNOptional = strings.Split(alpn, ","), true
	}
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
		made.CA = t.caFile(c.caFile)
	}
	return made
}

// systemCA is HAProxy's name of the system's authorities.
const systemCA = "@system-ca"

// verifies reports whether the certificate of a server is looked at.
func (t *translation) verifies(n *server) bool {
	return n.check.verify != "none" && (n.check.verify != "" || !t.verifyNone)
}

func (t *translation) caFile(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(t.dir, t.caBase, name)
}

// speaksTLS reports whether a check does whatever the server's line says.
func (h *healthCheck) speaksTLS() bool {
	if h.module == "http" {
		return h.http.connect.via.tls
	}
	return h.module == "tcp_script" && slices.ContainsFunc(h.steps, func(s checkStep) bool { return s.via.tls })
}

// checkCA says what is wrong with the file of those whom a check trusts.
func (t *translation) checkCA(name string) string {
	switch name {
	case "":
		return "verify is enabled by default but no CA file specified: expected 'verify none' or 'ca-file FILE' beside 'check-ssl'"
	case systemCA:
		return ""
	}
	if t.dir == "" && !filepath.IsAbs(name) {
		return fmt.Sprintf("'ca-file' : file %q: %v", name, errNoDirectory)
	}
	text, err := os.ReadFile(t.caFile(name))
	if err != nil {
		return fmt.Sprintf("'ca-file' : %v", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return fmt.Sprintf("'ca-file' : %s holds no certificate: expected a file in PEM", name)
	}
	return ""
}

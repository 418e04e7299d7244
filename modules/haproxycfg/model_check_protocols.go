// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// protocolOptions are the arguments of an option such as mysql-check.
type protocolOptions struct {
	user       string
	login      string // of MySQL: post-41, pre-41, post-80 or empty
	helo, ehlo string
}

// setProtocolCheck sets the protocol of a proxy's health checks.
func (t *translation) setProtocolCheck(p *proxy, s statement, module string, words protocolOptions) {
	made := healthCheck{module: module, protocolOptions: words}
	if c, ok := made.protocolChecker(nil).(caddy.Provisioner); ok {
		if err := c.Provision(caddy.Context{}); err != nil {
			t.errorf(s.Pos, "'%s' : %v in %s", s.keyword, err, p)
		}
	}
	p.check.module, p.check.protocolOptions = module, words
}

// setProtocol makes an option without arguments.
func setProtocol(module string) func(*translation, *proxy, statement) {
	return func(t *translation, p *proxy, s statement) { t.setProtocolCheck(p, s, module, protocolOptions{}) }
}

// mysqlArgs expects "[user USER [post-41|pre-41|post-80]]".
func mysqlArgs(args []string) error {
	logins := []string{"post-41", "pre-41", "post-80"}
	switch {
	case len(args) == 0:
		return nil
	case args[0] != "user":
		return fmt.Errorf("only supports optional values: 'user' (got '%s')", args[0])
	case len(args) == 1:
		return errors.New("'user' expects <username> as argument")
	case len(args) > 2 && !slices.Contains(logins, args[2]):
		return fmt.Errorf("'user' only supports 'post-41', 'pre-41' and 'post-80' (got '%s')", args[2])
	}
	return atMost(3)(args)
}

func mysqlCheck(t *translation, p *proxy, s statement) {
	t.setProtocolCheck(p, s, "mysql", protocolOptions{user: s.arg(1), login: s.arg(2)})
}

// pgsqlArgs expects "user USER".
func pgsqlArgs(args []string) error {
	switch {
	case len(args) < 2:
		return errors.New("expects 'user <username>' as argument")
	case args[0] != "user":
		return errors.New("only supports optional values: 'user'")
	}
	return atMost(2)(args)
}

func pgsqlCheck(t *translation, p *proxy, s statement) {
	t.setProtocolCheck(p, s, "pgsql", protocolOptions{user: s.arg(1)})
}

// smtpchk reads "option smtpchk [HELO|EHLO DOMAIN]". Anything else means HELO localhost.
func smtpchk(t *translation, p *proxy, s statement) {
	var words protocolOptions
	switch s.arg(0) {
	case "HELO":
		words.helo = s.arg(1)
	case "EHLO":
		words.ehlo = s.arg(1)
	}
	t.setProtocolCheck(p, s, "smtp", words)
}

// protocolChecker returns the checker of the health check's protocol.
func (h *healthCheck) protocolChecker(tls *checks.TLS) caddy.Module {
	w := &h.protocolOptions
	switch h.module {
	case "mysql":
		return &checks.MySQL{User: w.user, Old: w.login == "pre-41", AcceptAuthSwitch: w.login == "post-80", TLS: tls}
	case "pgsql":
		return &checks.PgSQL{User: w.user, TLS: tls}
	case "ldap":
		return &checks.LDAP{TLS: tls}
	case "smtp":
		return &checks.SMTP{Helo: w.helo, Ehlo: w.ehlo, TLS: tls}
	case "redis":
		return &checks.Redis{TLS: tls}
	default:
		return &checks.SPOP{TLS: tls}
	}
}

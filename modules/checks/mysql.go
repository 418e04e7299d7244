// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(MySQL))
}

// MySQL logs in to a MySQL or MariaDB server with a user that has no password, or only reads its
// greeting. It is HAProxy's option mysql-check.
//
// A server counts connections that end before a login. After max_connect_errors of them (default:
// 100) it refuses all connections from the proxy's address, those of clients included. So this
// check always answers the greeting: without User by a login that the server may refuse, which does
// not count as such an error.
type MySQL struct {
	// User is the name to log in with. Default: any greeting passes.
	User string `json:"user,omitempty"`

	// Old logs in as clients before MySQL 4.1 did. It is HAProxy's pre-41.
	Old bool `json:"old,omitempty"`

	// AcceptAuthSwitch makes the check pass also if the server asks for another authentication method,
	// as MySQL 8 does for users with a password. It is HAProxy's post-80.
	AcceptAuthSwitch bool `json:"accept_auth_switch,omitempty"`

	// TLS enables TLS from the first byte, which servers only support behind a TLS proxy. Default:
	// off.
	TLS *TLS `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*MySQL) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.mysql",
		New: func() caddy.Module { return new(MySQL) },
	}
}

// Provision validates the options.
func (c *MySQL) Provision(caddy.Context) error {
	if err := validateUser(c.User); err != nil {
		return err
	}
	if (c.Old || c.AcceptAuthSwitch) && c.User == "" {
		return errors.New("old and accept_auth_switch require user")
	}
	if c.Old && c.AcceptAuthSwitch {
		return errors.New("old and accept_auth_switch are mutually exclusive")
	}
	return provisionTLS(c.TLS)
}

// Check returns L7OK, with the server's version as Info; L7STS with the number and text of the
// server's error; L7RSP if the answer is not MySQL's, L7TOUT; or what a connect or a handshake can
// result in.
func (c *MySQL) Check(ctx context.Context, t pool.Target) pool.Result {
	d := protocolCheck{tls: c.TLS, exchange: c.exchange, goodbye: c.quit, closeWithFIN: true}
	return d.check(ctx, t)
}

func (c *MySQL) exchange(rw io.ReadWriter) (string, error) {
	in := bufio.NewReader(rw)
	hello, err := readGreeting(in)
	if err == nil && c.User != "" {
		err = c.login(rw, in, c.User, hello.plugins)
	}
	return hello.version, err
}

// quit sends COM_QUIT. Without a User it first completes the handshake.
func (c *MySQL) quit(rw io.ReadWriter) {
	if c.User == "" && c.login(rw, bufio.NewReader(rw), "", false) != nil {
		return
	}
	rw.Write(mysqlQuit) //nolint:errcheck // the connection ends in any case
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check mysql {
//		user <name>
//		old
//		accept_auth_switch
//		tls {
//			<options of checker tls>
//		}
//	}
func (c *MySQL) CheckOptions() options.Table {
	return options.Table{
		"user": options.Text(&c.User), "old": options.Flag(&c.Old), "accept_auth_switch": options.Flag(&c.AcceptAuthSwitch),
		"tls": tlsOption(&c.TLS),
	}
}

// Interface guards
var (
	_ caddy.Module      = (*MySQL)(nil)
	_ caddy.Provisioner = (*MySQL)(nil)
	_ pool.Checker      = (*MySQL)(nil)
)

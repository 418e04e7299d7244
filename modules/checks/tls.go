// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(Handshake))
}

// Handshake completes a TLS handshake and verifies the certificate. It is HAProxy's check-ssl. The
// connection ends as a client's would, with a close_notify.
type Handshake struct {
	TLS
}

// CaddyModule returns the Caddy module information.
func (*Handshake) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.tls",
		New: func() caddy.Module { return new(Handshake) },
	}
}

// Provision validates the options and reads the files that they name.
func (c *Handshake) Provision(caddy.Context) error { return c.provision() }

// Check returns L6OK, L6RSP, L6TOUT, L4CON or L4TOUT.
func (c *Handshake) Check(ctx context.Context, t pool.Target) pool.Result {
	l, bad := openConn(ctx, t, time.Now())
	if bad != nil {
		return bad.Result
	}
	if bad := c.handshake(l, t); bad != nil {
		l.abort()
		return bad.Result
	}
	l.close()
	return pool.Result{Code: pool.Layer6OK, Warning: l.warning}
}

// CheckOptions returns the options of the checker's block; [TLS] describes them. Syntax:
//
//	check tls {
//		server_name <name>
//		ca <file>
//		crl <file>
//		client_certificate <file> [<key file>]
//		verify chain|none
//		alpn <protocol…>
//		alpn_optional
//		min_version|max_version 1.0|1.1|1.2|1.3
//		ciphers <cipher suite…>
//		curves <curve…>
//		warn_before|fail_before <duration>
//	}
func (c *Handshake) CheckOptions() options.Table { return c.options() }

// Interface guards
var (
	_ caddy.Module      = (*Handshake)(nil)
	_ caddy.Provisioner = (*Handshake)(nil)
	_ pool.Checker      = (*Handshake)(nil)
)

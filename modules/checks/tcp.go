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
	caddy.RegisterModule(new(TCP))
}

// TCP checks that something accepts connections. It is HAProxy's check without any option, and has
// no options. The connection ends with a reset.
type TCP struct{}

// CaddyModule returns the Caddy module information.
func (*TCP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.tcp",
		New: func() caddy.Module { return new(TCP) },
	}
}

// Check returns L4OK, L4CON or L4TOUT.
func (*TCP) Check(ctx context.Context, t pool.Target) pool.Result {
	l, bad := openConn(ctx, t, time.Now())
	if bad != nil {
		return bad.Result
	}
	l.abort()
	return pool.Result{Code: pool.Layer4OK, Warning: l.warning}
}

// CheckOptions returns the options of the checker's block, which has none. Syntax:
//
//	check tcp
func (*TCP) CheckOptions() options.Table { return options.Table{} }

// Interface guards
var (
	_ caddy.Module = (*TCP)(nil)
	_ pool.Checker = (*TCP)(nil)
)

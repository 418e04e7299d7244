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

// TCP connects, and that is all: something listens. It is what HAProxy's check does
// without any option, and has none. The connection ends with a reset.
type TCP struct{}

// CaddyModule returns the Caddy module information.
func (*TCP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.tcp",
		New: func() caddy.Module { return new(TCP) },
	}
}

// Check is L4OK, L4CON or L4TOUT.
func (*TCP) Check(ctx context.Context, t pool.Target) pool.Result {
	l, bad := openConn(ctx, t, time.Now())
	if bad != nil {
		return bad.Result
	}
	l.abort()
	return pool.Result{Code: pool.Layer4OK, Warning: l.warning}
}

// CheckOptions are the words that the checker takes in the block of a check: none.
// Syntax:
//
//	check tcp
func (*TCP) CheckOptions() options.Table { return options.Table{} }

// Interface guards
var (
	_ caddy.Module = (*TCP)(nil)
	_ pool.Checker = (*TCP)(nil)
)

// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(StaticRR))
}

// StaticRR gives each server its turn from a precomputed list: weights 5:3:2 give AABACABABC. A
// change of the servers makes a new list and keeps the position in it. It ignores slow start. It is
// HAProxy's balance static-rr, and has no options.
type StaticRR struct {
	table table
}

// CaddyModule returns the Caddy module information.
func (*StaticRR) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.static_rr",
		New: func() caddy.Module { return new(StaticRR) },
	}
}

// Rebuild marks the list as outdated.
func (p *StaticRR) Rebuild(v pool.View) { p.table.build(v) }

// FixedServers reports true: the servers are in a list of fixed length.
func (*StaticRR) FixedServers() bool { return true }

// Pick returns the server whose turn it is. A server that r avoids, or that is full, loses its
// turn.
func (p *StaticRR) Pick(_ pool.View, r *pool.Request) *pool.Server {
	if r.OthersQueued() {
		return nil
	}
	return p.table.next(canServe(r))
}

// Adopt continues at the position of old, if that is a static-rr, too.
func (p *StaticRR) Adopt(old pool.Policy) {
	if o, ok := old.(*StaticRR); ok {
		p.table.position = o.table.position
	}
}

// UnmarshalCaddyfile parses the policy, which has no options. Syntax:
//
//	balance static_rr
func (*StaticRR) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	return options.Table{}.ParseBlock(d)
}

// Interface guards
var (
	_ caddy.Module          = (*StaticRR)(nil)
	_ caddyfile.Unmarshaler = (*StaticRR)(nil)
	_ pool.Policy           = (*StaticRR)(nil)
	_ pool.Rebuilder        = (*StaticRR)(nil)
	_ pool.StateAdopter     = (*StaticRR)(nil)
)

// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(First))
}

// First fills one server after the other, each up to its maxconn, in the order of
// their ids: those that are not needed may be switched off. Weights do not count.
// It is HAProxy's balance first, and has no options.
type First struct {
	order []*pool.Server
}

// CaddyModule returns the Caddy module information.
func (*First) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.first",
		New: func() caddy.Module { return new(First) },
	}
}

// Rebuild puts the servers in order.
func (p *First) Rebuild(v pool.View) {
	p.order = slices.SortedFunc(slices.Values(v.Servers), func(a, b *pool.Server) int { return a.ID - b.ID })
}

// Pick returns the first server that has room.
func (p *First) Pick(_ pool.View, r *pool.Request) *pool.Server {
	if r.Behind() {
		return nil
	}
	for _, s := range p.order {
		if s.HasRoom() && !r.Avoids(s) {
			return s
		}
	}
	return nil
}

// UnmarshalCaddyfile takes no options. Syntax:
//
//	balance first
func (*First) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	return options.Table{}.ParseBlock(d)
}

// Interface guards
var (
	_ caddy.Module          = (*First)(nil)
	_ caddyfile.Unmarshaler = (*First)(nil)
	_ pool.Policy           = (*First)(nil)
	_ pool.Rebuilder        = (*First)(nil)
)

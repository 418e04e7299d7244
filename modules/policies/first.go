// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"math/bits"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(First))
}

// First fills one server after the other up to its maxconn, in the order of their ids, so that
// unneeded servers can be switched off. It ignores weights. It is HAProxy's balance first, and has
// no options.
type First struct {
	order     []*pool.Server
	positions []int    // index in order, by the server's Index; -1: not in the view
	full      []uint64 // one bit per position: the server is full and need not be asked
}

// CaddyModule returns the Caddy module information.
func (*First) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.first",
		New: func() caddy.Module { return new(First) },
	}
}

// Rebuild sorts the servers by id.
func (p *First) Rebuild(v pool.View) {
	p.order = slices.SortedFunc(slices.Values(v.Servers), func(a, b *pool.Server) int { return a.ID - b.ID })
	p.positions, p.full = slices.Repeat([]int{-1}, len(v.All)), make([]uint64, len(p.order)/wordBits+1)
	for i, s := range p.order {
		p.positions[s.Index] = i
		p.updateFull(s)
	}
}

const wordBits = 64

// updateFull records whether a server is full, unless its limit depends on more than its own
// connections.
func (p *First) updateFull(s *pool.Server) {
	if s.Index >= len(p.positions) || p.positions[s.Index] < 0 || s.MinConn < s.MaxConn || s.SlowStart > 0 {
		return
	}
	word, bit := p.positions[s.Index]/wordBits, uint64(1)<<(p.positions[s.Index]%wordBits)
	if s.CanServe() {
		p.full[word] &^= bit
	} else {
		p.full[word] |= bit
	}
}

// Taken records whether the server is full now.
func (p *First) Taken(s *pool.Server) { p.updateFull(s) }

// Dropped records whether the server is full now.
func (p *First) Dropped(s *pool.Server) { p.updateFull(s) }

// Pick returns the first server with a free slot.
func (p *First) Pick(_ pool.View, r *pool.Request) *pool.Server {
	if r.OthersQueued() {
		return nil
	}
	for word, full := range p.full {
		for rest := ^full; rest != 0; rest &= rest - 1 {
			i := word*wordBits + bits.TrailingZeros64(rest)
			if i >= len(p.order) {
				return nil
			}
			if s := p.order[i]; s.CanServe() && !r.Avoids(s) {
				return s
			}
		}
	}
	return nil
}

// Predicts reports true: the order of the servers decides.
func (p *First) Predicts(*pool.Request) bool { return true }

// UnmarshalCaddyfile parses the policy, which has no options. Syntax:
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
	_ pool.LoadTracker      = (*First)(nil)
	_ pool.Predictable      = (*First)(nil)
)

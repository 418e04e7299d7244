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

// First fills one server after the other, each up to its maxconn, in the order of
// their ids: those that are not needed may be switched off. Weights do not count.
// It is HAProxy's balance first, and has no options.
type First struct {
	order     []*pool.Server
	positions []int    // in order, by the servers' Index
	full      []uint64 // a bit for each place: that one need not be asked whether it has room
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
	p.positions, p.full = slices.Repeat([]int{-1}, len(v.All)), make([]uint64, len(p.order)/wordBits+1)
	for i, s := range p.order {
		p.positions[s.Index] = i
		p.updateFull(s)
	}
}

const wordBits = 64

// updateFull notes whether a server is full, if that changes with its connections alone.
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

// Taken and Dropped note whether a server is full now.
func (p *First) Taken(s *pool.Server) { p.updateFull(s) }

// Dropped is as Taken.
func (p *First) Dropped(s *pool.Server) { p.updateFull(s) }

// Pick returns the first server that has room.
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
	_ pool.LoadTracker      = (*First)(nil)
)

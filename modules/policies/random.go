// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(Random))
}

// Defaults of the policy, and the bounds of what may be set.
const (
	DefaultDraws = 2
	MaxDraws     = 1000
)

// Random draws servers by lot, in proportion to the nodes that they have on the
// ring of a consistent hash, and takes the one that serves the fewest connections
// for its weight. With two draws no server has many more than another. If that one
// has no room, the next on the ring that has is taken. It is HAProxy's balance
// random.
type Random struct {
	// Draws is how many servers are drawn, 1 to 1000. Default: 2.
	Draws int `json:"draws,omitempty"`

	// BalanceFactor is how many connections a server may have, in percent of its
	// fair share of all. More than 100, or 0: any number. It is HAProxy's
	// hash-balance-factor.
	BalanceFactor int `json:"balance_factor,omitempty"`

	ring   ring
	bounds bounds
}

// CaddyModule returns the Caddy module information.
func (*Random) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.random",
		New: func() caddy.Module { return new(Random) },
	}
}

// Provision checks the options.
func (p *Random) Provision(caddy.Context) error {
	if p.Draws == 0 {
		p.Draws = DefaultDraws
	}
	return p.check()
}

func (p *Random) check() error {
	if p.Draws < 0 || p.Draws > MaxDraws {
		return fmt.Errorf("draws %d: expected a whole number from 1 to %d", p.Draws, MaxDraws)
	}
	return checkFactor(p.BalanceFactor)
}

// Rebuild takes over who is there now, and with what weight.
func (p *Random) Rebuild(v pool.View) {
	p.ring.build(v)
	p.bounds.build(v, p.BalanceFactor)
}

// Pick returns the best of the servers drawn.
func (p *Random) Pick(_ pool.View, r *pool.Request) *pool.Server {
	suits := p.bounds.suits(r)
	var (
		best *pool.Server
		at   uint32
	)
	for range p.Draws {
		hash := rand.Uint32() //nolint:gosec // nobody gains by guessing it
		s := p.ring.nearest(hash, r, suits)
		if s == nil {
			break
		}
		if best == nil || p.busier(best, s) {
			best, at = s, hash
		}
	}
	if best == nil || best.CanServe() {
		return best
	}
	return p.ring.lookup(at, canServe(r))
}

// busier reports whether a serves at least as many for its weight as b.
func (p *Random) busier(a, b *pool.Server) bool {
	return a.Sessions()*int64(p.ring.shares[b.Index]) >= b.Sessions()*int64(p.ring.shares[a.Index])
}

// UnmarshalCaddyfile parses the policy. Syntax:
//
//	balance random [<draws>] {
//		balance_factor <percent>
//	}
func (p *Random) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	if d.NextArg() {
		n, err := strconv.Atoi(d.Val())
		if err != nil || n < 1 || n > MaxDraws {
			return d.Errf("draws %q: expected a whole number from 1 to %d", d.Val(), MaxDraws)
		}
		p.Draws = n
	}
	if err := (options.Table{"balance_factor": options.Int(&p.BalanceFactor, 0, MaxBalanceFactor)}).ParseBlock(d); err != nil {
		return err
	}
	return wrap(d, p.check())
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Random)(nil)
	_ caddyfile.Unmarshaler = (*Random)(nil)
	_ pool.Policy           = (*Random)(nil)
	_ pool.Rebuilder        = (*Random)(nil)
)

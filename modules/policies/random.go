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

// Default and maximum of Random.Draws.
const (
	DefaultDraws = 2
	MaxDraws     = 1000
)

// Random draws servers at random, in proportion to their nodes on the ring of a consistent hash,
// and picks the one with the fewest connections relative to its weight. With two draws, no server
// gets far more than the others. If the picked server is full, the next one on the ring with a free
// slot is used. It is HAProxy's balance random.
type Random struct {
	// Draws is the number of servers to draw, 1 to 1000. Default: 2.
	Draws int `json:"draws,omitempty"`

	// BalanceFactor limits a server to this percentage of its fair share of all connections. More than
	// 100; 0: no limit. It is HAProxy's hash-balance-factor.
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

// Provision sets defaults and validates the options.
func (p *Random) Provision(caddy.Context) error {
	if p.Draws == 0 {
		p.Draws = DefaultDraws
	}
	return p.validate()
}

func (p *Random) validate() error {
	if p.Draws < 0 || p.Draws > MaxDraws {
		return fmt.Errorf("draws %d: expected a whole number from 1 to %d", p.Draws, MaxDraws)
	}
	return validateFactor(p.BalanceFactor)
}

// Rebuild applies a new view.
func (p *Random) Rebuild(v pool.View) {
	p.ring.build(v)
	p.bounds.build(v, p.BalanceFactor)
}

// Pick returns the least loaded of the drawn servers.
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

// busier reports whether a has at least as many connections relative to its weight as b.
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
	return options.Wrap(d, p.validate())
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Random)(nil)
	_ caddyfile.Unmarshaler = (*Random)(nil)
	_ pool.Policy           = (*Random)(nil)
	_ pool.Rebuilder        = (*Random)(nil)
)

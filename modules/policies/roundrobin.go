// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(RoundRobin))
}

// RoundRobin gives each server its turn, in proportion to the weights and spread as evenly as
// possible: weights 5:3:2 give ABACABABAC. Servers of equal weight take turns in the order of the
// configuration. The position survives a reload, in which weights may change and servers may be
// added or removed. It is HAProxy's balance roundrobin (with one thread), and has no options.
type RoundRobin struct {
	actives wrr
	backups wrr
}

// CaddyModule returns the Caddy module information.
func (*RoundRobin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.roundrobin",
		New: func() caddy.Module { return new(RoundRobin) },
	}
}

// Rebuild applies a new view.
func (p *RoundRobin) Rebuild(v pool.View) {
	if v.Backups() {
		p.actives.update(pool.View{})
		p.backups.update(v)
		return
	}
	p.actives.update(v)
	if len(v.Servers) == 0 {
		p.backups.update(v)
	}
}

// Pick returns the server whose turn it is. A server that r avoids, or that is full, loses its
// turn.
func (p *RoundRobin) Pick(v pool.View, r *pool.Request) *pool.Server {
	if r.OthersQueued() {
		return nil
	}
	w := &p.actives
	if v.Backups() {
		w = &p.backups
	}
	return w.next(canServe(r))
}

// canServe returns a function that reports whether a server may serve r at once.
func canServe(r *pool.Request) func(*pool.Server) bool {
	return func(s *pool.Server) bool { return s.CanServe() && !r.Avoids(s) }
}

// Adopt continues at the position of old, if that is a round robin, too. Servers are matched by
// name.
func (p *RoundRobin) Adopt(old pool.Policy) {
	if o, ok := old.(*RoundRobin); ok {
		p.actives.adopt(&o.actives)
		p.backups.adopt(&o.backups)
	}
}

// UnmarshalCaddyfile parses the policy, which has no options. Syntax:
//
//	balance roundrobin
func (*RoundRobin) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	return options.Table{}.ParseBlock(d)
}

// Interface guards
var (
	_ caddy.Module          = (*RoundRobin)(nil)
	_ caddyfile.Unmarshaler = (*RoundRobin)(nil)
	_ pool.Policy           = (*RoundRobin)(nil)
	_ pool.Rebuilder        = (*RoundRobin)(nil)
	_ pool.StateAdopter     = (*RoundRobin)(nil)
)

// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(RoundRobin))
}

// RoundRobin gives each server its turn, in proportion to the weights and as
// evenly spread as they allow: weights 5:3:2 give ABACABABAC. Servers of equal
// weight take turns in the order of the configuration. The position is kept
// over a reload, in which weights may change and servers come and go. It is
// HAProxy's balance roundrobin (of one thread), and has no options.
type RoundRobin struct {
	mu      sync.Mutex
	actives wheel
	backups wheel
}

// CaddyModule returns the Caddy module information.
func (*RoundRobin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.roundrobin",
		New: func() caddy.Module { return new(RoundRobin) },
	}
}

// Pick returns the server whose turn it is. A server that r avoids loses its
// turn. It is safe for concurrent use.
func (p *RoundRobin) Pick(v pool.View, r *pool.Request) *pool.Server {
	if !slices.ContainsFunc(v.Servers, func(s *pool.Server) bool { return !r.Avoids(s) }) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.actives
	if v.Servers[0].Backup { // of a view all are, or none
		w = &p.backups
	}
	w.follow(v.Servers)
	return w.turn(r.Avoids)
}

// Adopt continues where old stood, if that was a round robin too: servers are
// recognized by name.
func (p *RoundRobin) Adopt(old pool.Policy) {
	o, ok := old.(*RoundRobin)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	p.actives.adopt(&o.actives)
	p.backups.adopt(&o.backups)
}

// UnmarshalCaddyfile takes no options. Syntax:
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
	_ pool.Keeper           = (*RoundRobin)(nil)
)

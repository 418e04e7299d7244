// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(LeastConn))
}

// LeastConn picks the server with the fewest connections relative to its weight, served and queued.
// Servers without connections come first, whatever their weight; among equals, the one that has had
// its load longest. If all are full, a connection waits for the first server with a free slot. It
// is HAProxy's balance leastconn, and has no options.
type LeastConn struct {
	heap   serverHeap
	items  []*heapItem // by the server's Index; nil: not in the view
	serial uint64
	shares []int
}

// CaddyModule returns the Caddy module information.
func (*LeastConn) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.leastconn",
		New: func() caddy.Module { return new(LeastConn) },
	}
}

// Rebuild applies a new view.
func (p *LeastConn) Rebuild(v pool.View) {
	p.heap, p.items, p.shares = serverHeap{}, make([]*heapItem, len(v.All)), make([]int, len(v.All))
	for i, s := range v.Servers {
		at := &heapItem{server: s, serial: p.serial}
		p.serial++
		p.items[s.Index], p.shares[s.Index] = at, v.Shares[i]
		at.key = p.load(s)
		p.heap.push(at)
	}
}

// load returns HAProxy's measure of load. It counts the new connection as well, except on a server
// without connections.
func (p *LeastConn) load(s *pool.Server) int {
	n := int(s.Sessions() + s.Queued())
	if n == 0 {
		return 0
	}
	return (n + 1) * heaviest / p.shares[s.Index]
}

// Pick returns the least loaded server with a free slot.
func (p *LeastConn) Pick(_ pool.View, r *pool.Request) *pool.Server {
	if at := p.heap.least(canServe(r)); at != nil {
		return at.server
	}
	return nil
}

// Taken moves a server to its new load, behind servers that already have that load.
func (p *LeastConn) Taken(s *pool.Server) { p.move(s) }

// Dropped moves a server to its new load, behind servers that already have that load.
func (p *LeastConn) Dropped(s *pool.Server) { p.move(s) }

func (p *LeastConn) move(s *pool.Server) {
	if s.Index >= len(p.items) || p.items[s.Index] == nil {
		return
	}
	at := p.items[s.Index]
	at.key, at.serial = p.load(s), p.serial
	p.serial++
	p.heap.fix(at)
}

// UnmarshalCaddyfile parses the policy, which has no options. Syntax:
//
//	balance leastconn
func (*LeastConn) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	return options.Table{}.ParseBlock(d)
}

// Interface guards
var (
	_ caddy.Module          = (*LeastConn)(nil)
	_ caddyfile.Unmarshaler = (*LeastConn)(nil)
	_ pool.Policy           = (*LeastConn)(nil)
	_ pool.Rebuilder        = (*LeastConn)(nil)
	_ pool.LoadTracker      = (*LeastConn)(nil)
)

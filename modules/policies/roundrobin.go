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
// over a reload. It is HAProxy's balance roundrobin, and has no options.
type RoundRobin struct {
	mu    sync.Mutex
	now   uint64           // turns taken so far
	turns []*turn          // by server ID - 1; nil before the first
	kept  map[string]*turn // by server name, from the policy before this one
}

// turn is when a server is next due. A server of weight w is due every
// total/w turns; what the division leaves is carried, so that over a whole
// round each server has exactly its share.
type turn struct {
	name   string // the server's
	weight uint64
	due    uint64
	carry  uint64 // in units of 1/weight, below weight
	last   uint64 // when it had its last turn; among equals the longest wait wins
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
	var passed []*pool.Server
	for {
		s := p.next(v, passed)
		if !r.Avoids(s) {
			return s
		}
		passed = append(passed, s)
	}
}

// next takes the turn of the first server that is due, or where none is, lets
// in the heaviest of those that never had one.
func (p *RoundRobin) next(v pool.View, passed []*pool.Server) *pool.Server {
	var (
		total        uint64
		first, fresh *pool.Server
		due          *turn
	)
	for _, s := range v.Servers {
		total += uint64(s.Weight)
		if slices.Contains(passed, s) {
			continue
		}
		switch t := p.turn(s); {
		case t == nil:
			if fresh == nil || s.Weight > fresh.Weight {
				fresh = s
			}
		case due == nil || t.before(due):
			first, due = s, t
		}
	}
	if due == nil || fresh != nil && due.due > p.now {
		first, due = fresh, p.enter(fresh)
	}
	p.take(due, total)
	return first
}

// before says whether t comes before o: it is due earlier, or has the greater
// claim (HAProxy's sorting key: what is carried, less the weight), or waits
// longer.
func (t *turn) before(o *turn) bool {
	if t.due != o.due {
		return t.due < o.due
	}
	if a, b := int64(t.carry)-int64(t.weight), int64(o.carry)-int64(o.weight); a != b {
		return a < b
	}
	return t.last < o.last
}

// turn is the turn of s, or nil where it has had none yet.
func (p *RoundRobin) turn(s *pool.Server) *turn {
	for s.ID > len(p.turns) {
		p.turns = append(p.turns, nil)
	}
	t := &p.turns[s.ID-1]
	if *t == nil {
		*t = p.kept[s.Name]
	}
	// A server whose weight has changed begins anew: its old turn may be a
	// long way off by the new measure.
	if *t != nil && (*t).weight != uint64(s.Weight) {
		*t = nil
	}
	return *t
}

// enter gives s its first turn now.
func (p *RoundRobin) enter(s *pool.Server) *turn {
	t := &turn{name: s.Name, weight: uint64(s.Weight), due: p.now}
	p.turns[s.ID-1] = t
	return t
}

// take moves t to its next turn.
func (p *RoundRobin) take(t *turn, total uint64) {
	// A server that was unusable for more than a round has no claim on the
	// turns it missed: it would get them all at once.
	if t.due+total < p.now {
		t.due, t.carry = p.now, 0
	}
	t.due += total / t.weight
	t.carry += total % t.weight
	if t.carry >= t.weight {
		t.carry -= t.weight
		t.due++
	}
	p.now++
	t.last = p.now
}

// Adopt continues where old stood, if that was a round robin too: servers are
// recognized by name, and those whose weight is the same keep their turn.
func (p *RoundRobin) Adopt(old pool.Policy) {
	o, ok := old.(*RoundRobin)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	p.now, p.kept = o.now, make(map[string]*turn, len(o.turns))
	for _, t := range o.turns {
		if t != nil {
			kept := *t
			p.kept[t.name] = &kept
		}
	}
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

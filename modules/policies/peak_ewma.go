// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(PeakEWMA))
}

// DefaultDecay is the default of PeakEWMA.Decay.
const DefaultDecay = 10 * time.Second

// PeakEWMA picks of two random servers the one that costs less: the time that it takes to respond,
// times its connections including the new one, divided by its weight. The time is the one until its
// first byte, and at least the one to connect to it, as an average that decays: a greater time
// replaces it at once, smaller ones lower it little by little. A failed connect counts as a second.
// A server that is new, or up again, gets one connection at a time until it has responded to one.
// If both are full, the one with the least cost of the other servers is picked; if all are full, a
// connection waits for the first free slot. HAProxy has no such policy.
type PeakEWMA struct {
	// Decay is the time in which the influence of a measurement falls to 37 %. Default: 10s.
	Decay caddy.Duration `json:"decay,omitempty"`

	servers []*pool.Server
	limits  []int                   // sums of the shares up to each server
	shares  []float64               // by the server's Index
	times   []responseTime          // by the server's Index
	adopted map[string]responseTime // by name, from the configuration before
}

// CaddyModule returns the Caddy module information.
func (*PeakEWMA) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.peak_ewma",
		New: func() caddy.Module { return new(PeakEWMA) },
	}
}

// Provision sets defaults and validates the options.
func (p *PeakEWMA) Provision(caddy.Context) error {
	if p.Decay == 0 {
		p.Decay = caddy.Duration(DefaultDecay)
	}
	return p.validate()
}

func (p *PeakEWMA) validate() error {
	return options.ValidateDuration("decay", p.Decay)
}

// Adopt takes over the response times.
func (p *PeakEWMA) Adopt(old pool.Policy) {
	o, ok := old.(*PeakEWMA)
	if !ok {
		return
	}
	p.adopted = make(map[string]responseTime, len(o.servers))
	for _, s := range o.servers {
		p.adopted[s.Name] = o.times[s.Index]
	}
}

// Rebuild applies a new view. It forgets the response times of servers that are not in it.
func (p *PeakEWMA) Rebuild(v pool.View) {
	if p.adopted == nil {
		p.adopted = make(map[string]responseTime, len(p.servers))
	}
	for _, s := range p.servers {
		p.adopted[s.Name] = p.times[s.Index]
	}
	p.shares, p.times = make([]float64, len(v.All)), make([]responseTime, len(v.All))
	total := 0
	p.limits = p.limits[:0]
	for i, s := range v.Servers {
		if known, ok := p.adopted[s.Name]; ok {
			p.times[s.Index] = known
		}
		total += v.Shares[i]
		p.limits, p.shares[s.Index] = append(p.limits, total), float64(v.Shares[i])
	}
	for _, s := range v.All {
		if p.shares[s.Index] == 0 {
			p.times[s.Index] = responseTime{}
		}
	}
	p.servers, p.adopted = v.Servers, nil
}

// Responded takes a measurement.
func (p *PeakEWMA) Responded(s *pool.Server, r pool.Response) {
	if s.Index >= len(p.times) {
		return
	}
	after := r.After
	if r.Event == pool.Failed {
		after = max(after, failedCost)
	}
	p.times[s.Index].observe(after, sinceStart(), time.Duration(p.Decay), r.Event)
}

// Pick returns the less costly of two random servers.
func (p *PeakEWMA) Pick(_ pool.View, r *pool.Request) *pool.Server {
	if len(p.servers) == 0 {
		return nil
	}
	now := sinceStart()
	first, second := p.two()
	if best := p.cheapest(now, r, first, second); best != nil {
		return best
	}
	return p.cheapest(now, r, p.servers...)
}

// two draws two servers in proportion to their shares: different ones, if there are two.
func (p *PeakEWMA) two() (a, b *pool.Server) {
	const draws = 4
	i := p.draw()
	j := i
	for n := 0; n < draws && j == i; n++ {
		j = p.draw()
	}
	if j == i {
		j = (i + 1) % len(p.servers)
	}
	return p.servers[i], p.servers[j]
}

// draw returns the position of a random server.
func (p *PeakEWMA) draw() int {
	i, found := slices.BinarySearch(p.limits, rand.IntN(p.limits[len(p.limits)-1])) //nolint:gosec // not for secrets
	if found {
		i++
	}
	return i
}

// cheapest returns the server with the least cost of those that can serve the request, or nil.
func (p *PeakEWMA) cheapest(now time.Duration, r *pool.Request, servers ...*pool.Server) (best *pool.Server) {
	var least cost
	for _, s := range servers {
		if r.Avoids(s) || !s.CanServe() {
			continue
		}
		if c := p.cost(s, now); best == nil || c.below(least) {
			best, least = s, c
		}
	}
	return best
}

// cost returns the cost of another connection to a server.
func (p *PeakEWMA) cost(s *pool.Server, now time.Duration) cost {
	t, n := &p.times[s.Index], float64(s.Sessions()+s.Queued())
	load := (n + 1) / p.shares[s.Index]
	return cost{probing: !t.known && n > 0, time: t.at(now, time.Duration(p.Decay)) * load, load: load}
}

// UnmarshalCaddyfile parses the policy. Syntax:
//
//	balance peak_ewma {
//		decay <duration>
//	}
func (p *PeakEWMA) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	if err := (options.Table{"decay": options.Duration(&p.Decay)}).ParseBlock(d); err != nil {
		return err
	}
	return options.Wrap(d, p.validate())
}

// Interface guards
var (
	_ caddy.Provisioner     = (*PeakEWMA)(nil)
	_ caddyfile.Unmarshaler = (*PeakEWMA)(nil)
	_ pool.Policy           = (*PeakEWMA)(nil)
	_ pool.Rebuilder        = (*PeakEWMA)(nil)
	_ pool.StateAdopter     = (*PeakEWMA)(nil)
	_ pool.ResponseTracker  = (*PeakEWMA)(nil)
)

// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/policies"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// policy returns a random policy.
func (s *simulation) policy() pool.Policy {
	hashing := policies.Hashing{BalanceFactor: s.rng.IntN(2) * 150}
	hashing.HashType.Type = "consistent"
	hashing.PreserveAffinity = []string{"", "maxconn", "maxqueue"}[s.rng.IntN(3)]
	list := []interface{ pool.Policy }{
		new(policies.RoundRobin), new(policies.StaticRR), new(policies.LeastConn), new(policies.First),
		new(policies.Source), &policies.Source{Hashing: hashing}, new(policies.LeastConn), new(policies.Maglev), &lottery{rand.New(rand.NewPCG(s.rng.Uint64(), 0))},
	}
	p := list[s.rng.IntN(len(list))]
	if m, ok := p.(provisioner); ok {
		if err := m.Provision(noContext); err != nil {
			panic(err)
		}
	}
	return p
}

// config returns a random configuration.
func (s *simulation) config() pool.Config {
	c := pool.Config{
		Backend: "b", Policy: s.policy(), AllBackups: s.rng.IntN(2) == 0, FullConn: 1 + s.rng.IntN(12),
		QueueTimeout: time.Duration(s.rng.IntN(4)) * time.Second, Redispatch: s.rng.IntN(2) == 0, LastResort: s.rng.IntN(2) == 0,
	}
	for i := range 6 {
		if s.rng.IntN(3) == 0 {
			continue
		}
		srv := pool.ServerConfig{
			Name: string(rune('A' + i)), Weight: s.rng.IntN(4), MaxConn: s.rng.IntN(4), MaxQueue: s.rng.IntN(3),
			Backup: s.rng.IntN(4) == 0, Disabled: s.rng.IntN(6) == 0, SlowStart: time.Duration(s.rng.IntN(3)) * 2500 * time.Millisecond,
		}
		if srv.MaxConn > 0 {
			srv.MinConn = s.rng.IntN(srv.MaxConn + 1)
		}
		c.Servers = append(c.Servers, srv)
	}
	return c
}

// lottery picks a random server with a free slot, like policy random, but reproducibly.
type lottery struct{ rng *rand.Rand }

func (p *lottery) Pick(v pool.View, r *pool.Request) *pool.Server {
	var fit []*pool.Server
	for _, s := range v.Servers {
		if s.CanServe() && !r.Avoids(s) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[p.rng.IntN(len(fit))]
}

type provisioner interface {
	Provision(ctx caddy.Context) error
}

var noContext = caddy.Context{Context: context.Background()}

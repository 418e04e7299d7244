// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// arcs returns the fraction of the ring that is nearest to each server's nodes.
func arcs(weights []int) []float64 {
	type place struct {
		key    uint32
		server int
	}
	var places []place
	for i, w := range weights {
		for n := range w * pool.Scale {
			places = append(places, place{sample.Avalanche(uint32((i+1)<<12 + n)), i})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return int(a.key) - int(b.key) })
	shares := make([]float64, len(weights))
	for i, p := range places {
		before, after := places[(i+len(places)-1)%len(places)], places[(i+1)%len(places)]
		shares[p.server] += (float64(p.key-before.key) + float64(after.key-p.key)) / (2 << 32)
	}
	return shares
}

// With one draw, each server gets its fraction of the ring.
func TestRandomOfOneDraw(t *testing.T) {
	const n = 40_000
	weights := []int{1, 2, 5, 1, 20}
	p := openServers(t, &Random{Draws: 1}, weighted(weights, nil)...)
	sequence(t, p, n)
	for i, share := range arcs(weights) {
		sigma := math.Sqrt(n * share * (1 - share))
		if off := float64(p.Servers()[i].Taken()) - n*share; math.Abs(off) > 5*sigma {
			t.Errorf("server %d: %d of %d, its part is %.4f (%.1f sigma off)", i, p.Servers()[i].Taken(), n, share, off/sigma)
		}
	}
}

// With two draws and connections that stay, servers have nearly equal loads relative to their
// weights. With one draw they differ far more.
func TestRandomOfTwoDrawsIsEven(t *testing.T) {
	weights := make([]int, 10)
	for i := range weights {
		weights[i] = 40 + 20*(i%3)
	}
	spread := func(draws int) int {
		p := openServers(t, &Random{Draws: draws}, weighted(weights, nil)...)
		for range 5800 { // the weights add up to 580
			l, err := p.Acquire(t.Context(), new(pool.Request))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Release(pool.Served) })
		}
		most := 0.0
		for i, s := range p.Servers() {
			most = max(most, math.Abs(float64(s.Sessions())-float64(weights[i]*10)))
		}
		return int(most)
	}
	one, two, many := spread(1), spread(0), spread(100)
	t.Logf("the furthest off: %d with one draw, %d with two, %d with a hundred", one, two, many)
	if two > 14 || many > 3 || one < 2*two {
		t.Errorf("the furthest off: %d with one draw, %d with two, %d with a hundred", one, two, many)
	}
}

// A server that is full or avoided is not picked as long as there is another.
func TestRandomSkipsFullAndAvoided(t *testing.T) {
	servers := weighted([]int{100, 1, 1, 1}, nil)
	for i := range servers {
		servers[i].MaxConn = 1
	}
	for range 100 {
		p := openServers(t, new(Random), servers...)
		var leases []*pool.Lease
		for range servers {
			l, err := p.Acquire(t.Context(), new(pool.Request))
			if err != nil {
				t.Fatal(err)
			}
			leases = append(leases, l)
		}
		if _, err := p.Acquire(t.Context(), new(pool.Request)); !errors.Is(err, pool.ErrQueueTimeout) {
			t.Errorf("where all are full: %v", err)
		}
		for _, l := range leases {
			l.Release(pool.Served)
		}
		var r pool.Request
		r.Avoid(p.Servers()[0])
		r.Avoid(p.Servers()[2])
		if got := pick(t, p, &r); got != "B" && got != "D" {
			t.Errorf("picked %s, which is avoided", got)
		}
		r.AvoidLast(p.Servers()[1])
		if got := pick(t, p, &r); got == "B" {
			t.Error("a redispatch found the same server")
		}
	}
}

// With a balance factor, no server exceeds it, whatever the draws.
func TestRandomBalanceFactor(t *testing.T) {
	var servers []pool.ServerConfig
	for i := range 10 {
		servers = append(servers, pool.ServerConfig{Name: fmt.Sprint(i), Weight: 1})
	}
	p := openServers(t, &Random{Draws: 1, BalanceFactor: 110}, servers...)
	for n := 1; n <= 3000; n++ {
		l, err := p.Acquire(t.Context(), new(pool.Request))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Release(pool.Served) })
		if most := int64((n*110+999)/1000 + 1); l.Server.Sessions() > most {
			t.Fatalf("server %s has %d of %d, at most %d", l.Server.Name, l.Server.Sessions(), n, most)
		}
	}
}

func TestRandomWithoutServers(t *testing.T) {
	p := openServers(t, new(Random), weighted([]int{0, 0}, nil)...)
	if _, err := p.Acquire(context.Background(), new(pool.Request)); !errors.Is(err, pool.ErrNoServer) {
		t.Errorf("got %v", err)
	}
}

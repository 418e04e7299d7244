// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The sequences were recorded from HAProxy.
func TestFirstSequences(t *testing.T) {
	byID := weighted([]int{1, 1, 1}, []int{20, 10, 30})
	for i := range byID {
		byID[i].MaxConn = 2
	}
	byWeight := weighted([]int{0, 1, 5}, nil)
	byWeight[1].MaxConn = 1
	growing := weighted([]int{1, 1}, nil)
	growing[0].MinConn, growing[0].MaxConn, growing[1].MaxConn = 1, 4, 20
	for _, c := range []struct {
		name    string
		servers []pool.ServerConfig
		script  string
		want    string
	}{
		{"ids", byID, "6 -1 -2 2 1", "BBAACC BA ."},
		{"weights", byWeight, "4 -0 2", "BCCC BC"},
		{"minconn", growing, "9 -0 -3 3", "ABBABABAB AAB"},
		{"no limit", weighted([]int{1, 9}, nil), "5", "AAAAA"},
	} {
		if got := play(t, new(First), c.servers, c.script); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// At any time, first picks the server with the lowest id that is up, has a free slot and is not
// avoided.
func TestFirstPicksLowestFreeID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 150).Draw(t, "servers")
		ids := rapid.Permutation(numbers(n)).Draw(t, "ids")
		limit := rapid.IntRange(0, 2).Draw(t, "maxconn")
		c := pool.Config{Backend: "b", Policy: new(First), QueueTimeout: 1}
		for i, id := range ids {
			c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint(i), ID: id, Weight: 1, MaxConn: limit})
		}
		p, err := new(pool.Registry).Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		var leases []*pool.Lease
		down := make([]bool, n)
		anyServer := rapid.IntRange(0, n-1)
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				r := new(pool.Request)
				for _, i := range rapid.SliceOfN(anyServer, 0, 2).Draw(t, "avoided") {
					r.Avoid(p.Servers()[i])
				}
				var want *pool.Server
				for i, s := range p.Servers() {
					room := limit == 0 || int(s.Sessions()) < limit
					if room && !down[i] && !r.Avoids(s) && (want == nil || s.ID < want.ID) {
						want = s
					}
				}
				l, err := p.Acquire(context.Background(), r)
				switch {
				case err != nil && (want != nil || !errors.Is(err, pool.ErrNoServer) && !errors.Is(err, pool.ErrQueueTimeout)):
					t.Fatalf("acquiring: %v, want %v", err, want)
				case err == nil && l.Server != want:
					t.Fatalf("picked %s, of id %d; want %v", l.Server.Name, l.Server.ID, want)
				case err == nil:
					leases = append(leases, l)
				}
			},
			"fill": func(t *rapid.T) {
				for range rapid.IntRange(0, n).Draw(t, "connections") {
					l, err := p.Acquire(context.Background(), new(pool.Request))
					if err != nil {
						break
					}
					leases = append(leases, l)
				}
			},
			"drop": func(t *rapid.T) {
				if len(leases) == 0 {
					return
				}
				i := rapid.IntRange(0, len(leases)-1).Draw(t, "lease")
				leases[i].Release(pool.Served)
				leases = append(leases[:i], leases[i+1:]...)
			},
			"up or down": func(t *rapid.T) {
				i := anyServer.Draw(t, "server")
				down[i] = !down[i]
				if err := p.SetHealth(p.Servers()[i].Name, !down[i]); err != nil {
					t.Fatal(err)
				}
			},
		})
		for _, l := range leases {
			l.Release(pool.Served)
		}
	})
}

// numbers returns 1 to n.
func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

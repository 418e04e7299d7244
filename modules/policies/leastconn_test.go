// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The sequences were recorded from HAProxy 2.6, whose servers of equal load are in one list, except
// for those with maxqueue.
func TestLeastConnSequences(t *testing.T) {
	limited := func(weights ...int) []pool.ServerConfig { return weighted(weights, nil) }
	full := limited(3, 1)
	full[0].MaxConn, full[1].MaxConn = 2, 3
	queued := limited(1, 1)
	queued[0].MaxConn, queued[0].MaxQueue = 1, 1
	heavy := limited(3, 1)
	heavy[0].MaxConn, heavy[0].MaxQueue = 1, 3
	for _, c := range []struct {
		name    string
		servers []pool.ServerConfig
		script  string
		want    string
	}{
		{"3:1", limited(3, 1), "12", "ABAAAABAAABA"},
		{"1:1:1", limited(1, 1, 1), "7 -0 -3 2 -1 -4 -5 4", "ABCABCA AB BCAB"},
		{"5:3:2", limited(5, 3, 2), "20 -0 -3 -6 -7 -8 5 -1 -2 -4 6", "ABCAABACBAABACABACBA AACBA BCAABA"},
		{"maxconn", full, "6", "ABABB."},
		{"maxqueue", queued, "6", "ABBBBB"}, // here HAProxy fills the queue first
		{"maxqueue by weight", heavy, "9", "ABBBBBBBB"},
	} {
		if got := play(t, new(LeastConn), c.servers, c.script); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// least is a model of LeastConn: a list that is searched each time.
type least struct {
	weights  []int
	sessions []int
	since    []int // when the server's load last changed; 0: unknown
	now      int
}

func (m *least) change(i, by int) {
	m.sessions[i] += by
	m.now++
	m.since[i] = m.now
}

// load is HAProxy's measure: it counts the new connection, except for a server without any.
func (m *least) load(i int) int {
	if m.sessions[i] == 0 {
		return 0
	}
	return (m.sessions[i] + 1) * 4096 / (16 * m.weights[i])
}

// check reports an error unless the pick is allowed. Among equal loads it is the server that has
// had its load longer, if both times are known.
func (m *least) check(t *rapid.T, got int, suits func(int) bool) {
	low := math.MaxInt
	for i := range m.weights {
		if suits(i) {
			low = min(low, m.load(i))
		}
	}
	switch {
	case got < 0 && low == math.MaxInt:
		return
	case got < 0 || !suits(got) || m.load(got) != low:
		t.Fatalf("picked %d, of sessions %v and weights %v", got, m.sessions, m.weights)
	}
	for i := range m.weights {
		if suits(i) && m.load(i) == low && m.since[i] != 0 && m.since[i] < m.since[got] {
			t.Fatalf("picked %d, where %d has had the same load for longer", got, i)
		}
	}
}

func TestLeastConnAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 8).Draw(t, "weights")
		limit := rapid.SampledFrom([]int{0, 2, 5}).Draw(t, "maxconn")
		c := pool.Config{Backend: "b", Policy: new(LeastConn), Servers: weighted(weights, nil), QueueTimeout: 1}
		for i := range c.Servers {
			c.Servers[i].MaxConn = limit
		}
		p, err := new(pool.Registry).Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		m := &least{weights: weights, sessions: make([]int, len(weights)), since: make([]int, len(weights))}
		var leases []*pool.Lease
		anyServer := rapid.IntRange(0, len(weights)-1)
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				r, avoided := new(pool.Request), make([]bool, len(weights))
				for _, i := range rapid.SliceOfN(anyServer, 0, 2).Draw(t, "avoided") {
					avoided[i] = true
					r.Avoid(p.Servers()[i])
				}
				got := -1
				l, err := p.Acquire(context.Background(), r)
				switch {
				case err == nil:
					got = l.Server.Index
				case !errors.Is(err, pool.ErrNoServer) && !errors.Is(err, pool.ErrQueueTimeout):
					t.Fatal(err)
				}
				m.check(t, got, func(i int) bool {
					return weights[i] > 0 && !avoided[i] && (limit == 0 || m.sessions[i] < limit)
				})
				if l != nil {
					leases = append(leases, l)
					m.change(got, 1)
				}
			},
			"drop": func(t *rapid.T) {
				if len(leases) == 0 {
					return
				}
				i := rapid.IntRange(0, len(leases)-1).Draw(t, "lease")
				leases[i].Release(pool.Served)
				m.change(leases[i].Server.Index, -1)
				leases = append(leases[:i], leases[i+1:]...)
			},
			"reweigh": func(t *rapid.T) {
				i, w := anyServer.Draw(t, "server"), rapid.IntRange(0, 9).Draw(t, "weight")
				if err := p.SetWeight(p.Servers()[i].Name, w); err != nil {
					t.Fatal(err)
				}
				weights[i] = w
				clear(m.since)
			},
		})
		for _, l := range leases {
			l.Release(pool.Served)
		}
	})
}

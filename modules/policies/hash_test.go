// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// onRing returns the options of a consistent hash.
func onRing() Hashing { return Hashing{HashType: HashType{Type: consistent}} }

// ringView returns a view of servers with the given weights; those of weight 0 are down.
func ringView(weights, ids []int) (v pool.View) {
	for i, w := range weights {
		s := &pool.Server{ServerConfig: pool.ServerConfig{Weight: w, ID: ids[i]}, Index: i}
		v.All = append(v.All, s)
		if w > 0 {
			v.Servers, v.Weights, v.Shares = append(v.Servers, s), append(v.Weights, w), append(v.Shares, w*pool.Scale)
		}
	}
	return v
}

// A ring that has followed many changes equals a new one, and finds the node that an exhaustive
// search finds.
func TestRingFollowsChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g ring
		for range rapid.IntRange(1, 5).Draw(t, "views") {
			weights := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 6).Draw(t, "weights")
			ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 9), len(weights), len(weights), rapid.ID).Draw(t, "ids")
			v := ringView(weights, ids)
			g.build(v)
			var anew ring
			anew.build(v)
			if !slices.Equal(g.nodes, anew.nodes) {
				t.Fatalf("weights %v: %d nodes, anew %d, or others", weights, len(g.nodes), len(anew.nodes))
			}
			hash := rapid.Uint32().Draw(t, "hash")
			if n := len(g.nodes); n > 1 && rapid.Bool().Draw(t, "between two nodes") {
				i := rapid.IntRange(0, n-2).Draw(t, "node")
				hash = g.nodes[i].key() + (g.nodes[i+1].key()-g.nodes[i].key())/2
			}
			skip := rapid.IntRange(-1, len(weights)-1).Draw(t, "server that does not suit")
			got := g.lookup(hash, func(s *pool.Server) bool { return s.Index != skip })
			if want := naiveLookup(v, hash, skip); got != want {
				t.Fatalf("weights %v, ids %v, hash %d, without %d: got %v, want %v", weights, ids, hash, skip, got, want)
			}
		}
	})
}

// naiveLookup returns the server of the nearest position on the ring, the lower one of two equally
// near; or else the first one above that belongs to another server.
func naiveLookup(v pool.View, hash uint32, skip int) *pool.Server {
	type place struct {
		key    uint32
		server *pool.Server
	}
	var places []place
	for i, s := range v.Servers {
		for n := range v.Shares[i] {
			places = append(places, place{sample.Avalanche(uint32(s.ID<<12 + n)), s})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return int(a.key) - int(b.key) })
	best, distance := 0, uint32(1<<32-1)
	for i, p := range places {
		if d := hash - p.key; d <= distance { // the lower one
			best, distance = i, d
		}
	}
	for i, p := range places {
		if d := p.key - hash; d < distance {
			best, distance = i, d
		}
	}
	for i := range places {
		if s := places[(best+i)%len(places)].server; s.Index != skip {
			return s
		}
	}
	return nil
}

// While ten thousand connections come and stay, no server ever has more than 125% of its share,
// rounded up, plus one.
func TestBalanceFactorHoldsAtAnyTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, key := range map[string]func() string{
		"one key": func() string { return "one" },
		"many":    func() string { return fmt.Sprint(random.Uint64()) },
	} {
		t.Run(name, func(t *testing.T) {
			h := onRing()
			h.BalanceFactor = 125
			var servers []pool.ServerConfig
			for i := range 10 {
				servers = append(servers, pool.ServerConfig{Name: fmt.Sprint(i), Weight: 1})
			}
			p := openServers(t, &Hash{Key: "sni", Hashing: h}, servers...)
			for n := 1; n <= 10_000; n++ {
				l, err := p.Acquire(t.Context(), &pool.Request{Connection: hello(key())})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Release(pool.Served) })
				if most := int64((n*125+999)/1000 + 1); l.Server.Sessions() > most {
					t.Fatalf("server %s has %d of %d connections, at most %d", l.Server.Name, l.Server.Sessions(), n, most)
				}
			}
		})
	}
}

// If the server of a key is avoided, ring and table return the next one. A table returns the same
// server again for a lenient request.
func TestHashAvoids(t *testing.T) {
	for _, c := range []struct {
		name      string
		options   Hashing
		redirects bool // a redispatch finds another server
	}{
		{"table", Hashing{}, false},
		{"ring", onRing(), true},
	} {
		p := openServers(t, &Hash{Key: "sni", Hashing: c.options}, weighted([]int{2, 1, 3}, nil)...)
		for i := range 50 {
			var r pool.Request
			r.Connection = hello(fmt.Sprint(i))
			seen := ""
			for range p.Servers() {
				l, err := p.Acquire(t.Context(), &r)
				if err != nil {
					t.Fatal(err)
				}
				seen += l.Server.Name
				r.Avoid(l.Server)
				l.Release(pool.ConnectFailed)
			}
			if !strings.Contains(seen, "A") || !strings.Contains(seen, "B") || !strings.Contains(seen, "C") {
				t.Errorf("%s, key %d: tries went to %s", c.name, i, seen)
			}
			if _, err := p.Acquire(t.Context(), &r); !errors.Is(err, pool.ErrNoServer) {
				t.Errorf("%s, key %d: where all are avoided: %v", c.name, i, err)
			}
			r.ClearAvoided()
			first := pick(t, p, &r)
			if first != seen[:1] {
				t.Errorf("%s, key %d: %s, and %s before", c.name, i, first, seen)
			}
			r.AvoidLast(p.Servers()[first[0]-'A'])
			if again := pick(t, p, &r); (again != first) != c.redirects {
				t.Errorf("%s, key %d: a redispatch from %s went to %s", c.name, i, first, again)
			} else if c.redirects && again != seen[1:2] {
				t.Errorf("%s, key %d: a redispatch went to %s, not to the next: %s", c.name, i, again, seen)
			}
		}
	}
}

// A full server keeps or loses its keys, depending on preserve_affinity. Six connections of one key
// come to servers with maxconn 1.
func TestPreserveAffinitySequences(t *testing.T) {
	for _, c := range []struct {
		word     string
		maxQueue int
		want     string
	}{
		{"", 0, "A....."}, // all wait for A
		{"always", 0, "A....."},
		{"maxconn", 0, "ACB..."},
		{"maxqueue", 0, "ACB..."}, // with unlimited queues, none is used while a server is free
		{"maxconn", 1, "ACB..."},
		{"maxqueue", 1, "A.CB.."}, // one waits for A, none for C while B has a free slot
	} {
		h := onRing()
		h.PreserveAffinity = c.word
		servers := weighted([]int{1, 1, 1}, []int{20, 10, 30})
		for i := range servers {
			servers[i].MaxConn, servers[i].MaxQueue = 1, c.maxQueue
		}
		if got := play(t, &Source{Hashing: h}, servers, "6", "192.0.2.1"); got != c.want {
			t.Errorf("%q with maxqueue %d: %s, want %s", c.word, c.maxQueue, got, c.want)
		}
	}
}

// TestPreserveAffinityWithBalanceFactor plays connections of one key, all of which stay. A key that
// leaves a full server goes to one with a free slot within its share; if there is no such server,
// to one with a free slot.
func TestPreserveAffinityWithBalanceFactor(t *testing.T) {
	for _, c := range []struct {
		factor  int
		ids     []int
		maxConn []int
		script  string
		want    string
	}{
		{150, []int{20, 10, 30}, []int{9, 9, 2}, "5", "ACCAB"}, // C is full, A has no share left
		{101, []int{20, 30}, []int{9, 1}, "4", "ABAA"},         // B is full, A has no free slot
	} {
		h := onRing()
		h.PreserveAffinity, h.BalanceFactor = "maxconn", c.factor
		weights := make([]int, len(c.ids))
		for i := range weights {
			weights[i] = 1
		}
		servers := weighted(weights, c.ids)
		for i := range servers {
			servers[i].MaxConn = c.maxConn[i]
		}
		if got := play(t, &Source{Hashing: h}, servers, c.script, "192.0.2.1"); got != c.want {
			t.Errorf("factor %d: %s, want %s", c.factor, got, c.want)
		}
	}
}

// A connection that avoids a server does not return to it because it has a free slot, nor because
// all others exceed their share.
func TestHashNeverReturnsToAvoidedServer(t *testing.T) {
	roomy, bounded := onRing(), onRing()
	roomy.PreserveAffinity = "maxconn"
	bounded.BalanceFactor = 101
	for name, h := range map[string]Hashing{"preserve_affinity": roomy, "balance_factor": bounded} {
		p := openServers(t, &Hash{Key: "sni", Hashing: h}, weighted([]int{1, 1}, nil)...)
		for i := range 20 {
			r := &pool.Request{Connection: hello(fmt.Sprint(i))}
			r.Avoid(p.Servers()[1])
			l, err := p.Acquire(t.Context(), r)
			if err != nil {
				t.Fatalf("%s, connection %d: %v", name, i, err)
			}
			t.Cleanup(func() { l.Release(pool.Served) })
			if l.Server.Name != "A" {
				t.Fatalf("%s, connection %d: %s, which is avoided", name, i, l.Server.Name)
			}
		}
	}
}

// evaluated is a connection for which every expression has the same value.
type evaluated struct {
	value sample.Value
	ok    bool
}

func (e evaluated) Sample(*sample.Expression) (sample.Value, bool) { return e.value, e.ok }

// The value of an expression hashes like the same key as text.
func TestHashOfExpression(t *testing.T) {
	p := &Hash{Expression: "var(sess.name)"}
	provisioned(t, p)
	for _, c := range []struct {
		connection evaluated
		want       uint32
		ok         bool
	}{
		{evaluated{sample.Text("hello"), true}, 684824882, true},
		{evaluated{sample.Binary([]byte("hello")), true}, 684824882, true},
		{evaluated{}, 0, false},
	} {
		if got, ok := p.Hash(&pool.Request{Connection: c.connection}); ok != c.ok || got != c.want {
			t.Errorf("%v: %d (%t), want %d (%t)", c.connection, got, ok, c.want, c.ok)
		}
	}
}

// Errors in JSON are reported, too.
func TestOptionsOfJSONAreChecked(t *testing.T) {
	ringWith := func(change func(*Hashing)) Hashing {
		h := onRing()
		change(&h)
		return h
	}
	for _, c := range []struct {
		policy caddy.Provisioner
		want   string
	}{
		{&Hash{}, "key"},
		{&Hash{Key: "sni", Expression: "src"}, "key"},
		{&Hash{Key: "name"}, `"name"`},
		{&Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: "ring"}}}, "hash_type"},
		{&Source{Hashing: Hashing{HashType: HashType{Type: "ring"}}}, "hash_type"},
		{&Source{Hashing: Hashing{HashType: HashType{Function: "md5"}}}, "hash_type"},
		{&Source{Hashing: Hashing{BalanceFactor: 150}}, "balance_factor"},
		{&Source{Hashing: Hashing{HashType: HashType{Type: mapBased}, PreserveAffinity: "always"}}, "preserve_affinity"},
		{&Source{Hashing: ringWith(func(h *Hashing) { h.BalanceFactor = 100 })}, "balance_factor"},
		{&Source{Hashing: ringWith(func(h *Hashing) { h.BalanceFactor = 1 })}, "balance_factor"},
		{&Source{Hashing: ringWith(func(h *Hashing) { h.BalanceFactor = -1 })}, "balance_factor"},
		{&Source{Hashing: ringWith(func(h *Hashing) { h.BalanceFactor = 65536 })}, "balance_factor"},
		{&Source{Hashing: ringWith(func(h *Hashing) { h.PreserveAffinity = "never" })}, "preserve_affinity"},
		{&Random{Draws: -1}, "draws"},
		{&Random{Draws: 1001}, "draws"},
		{&Random{BalanceFactor: 100}, "balance_factor"},
		{&Source{Hashing: ringWith(func(h *Hashing) { h.BalanceFactor = 101 })}, ""},
		{&Source{Hashing: ringWith(func(h *Hashing) { h.BalanceFactor = 65535 })}, ""},
		{&Random{Draws: 1000, BalanceFactor: 101}, ""},
	} {
		err := c.policy.Provision(caddy.Context{Context: context.Background()})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.policy, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: %v, want %s named", c.policy, err, c.want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// sparse returns a view of the servers with a share.
func sparse(all []*pool.Server, shares []int) pool.View {
	v := pool.View{All: all}
	for i, s := range all {
		if shares[i] > 0 {
			v.Servers, v.Shares = append(v.Servers, s), append(v.Shares, shares[i])
		}
	}
	return v
}

// A ring that has seen any number of views finds the same servers as one made for the last view, by
// hash and by turn, whether or not it still has the nodes of departed servers.
func TestRingForgetsOtherViews(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]*pool.Server, rapid.IntRange(1, 6).Draw(t, "servers"))
		for i := range all {
			all[i] = &pool.Server{ServerConfig: pool.ServerConfig{Name: fmt.Sprint(i), ID: 7*i + 1, Weight: 1 + i%3, Backup: i%5 == 4}, Index: i}
		}
		var old ring
		for range rapid.IntRange(1, 6).Draw(t, "views") {
			shares := rapid.SliceOfN(rapid.SampledFrom([]int{0, 0, 0, 1, 16, 40}), len(all), len(all)).Draw(t, "shares")
			avoided := rapid.IntRange(-1, len(all)-1).Draw(t, "avoided")
			suits := func(s *pool.Server) bool { return s.Index != avoided }
			v := sparse(all, shares)
			old.build(v)
			fresh := ring{last: old.last, turned: old.turned}
			fresh.build(v)
			if rapid.Bool().Draw(t, "shrinks") {
				old.skipped = len(old.all) + 1
			}
			for range 40 {
				hash := rapid.Uint32().Draw(t, "hash")
				if got, want := old.lookup(hash, suits), fresh.lookup(hash, suits); got != want {
					t.Fatalf("hash %x: %v, want %v", hash, got, want)
				}
				if got, want := old.next(suits), fresh.next(suits); got != want {
					t.Fatalf("in turn: %v, want %v", got, want)
				}
			}
		}
	})
}

// A thousand servers that go down and come up create no new nodes, and lookups skip the many nodes
// of servers that are down only for a limited time.
func TestRingKeepsItsNodes(t *testing.T) {
	all, shares := make([]*pool.Server, 100), make([]int, 100)
	for i := range all {
		all[i] = &pool.Server{ServerConfig: pool.ServerConfig{ID: i + 1, Weight: 20}, Index: i}
	}
	var g ring
	shares[50] = 20 * pool.Scale
	g.build(sparse(all, shares))
	made := &g.all[0]
	for i := range all {
		shares[i] = 20 * pool.Scale
		g.build(sparse(all, shares))
	}
	for i := range all[1:] {
		shares[i] = 0
		g.build(sparse(all, shares))
	}
	if &g.all[0] != made || len(g.all) != 100*20*pool.Scale {
		t.Error("nodes were made anew")
	}
	for hash := range uint32(10_000) {
		if s := g.lookup(hash<<18, func(*pool.Server) bool { return true }); s != all[99] {
			t.Fatalf("hash %x: %v", hash, s)
		}
	}
	if len(g.nodes) != 20*pool.Scale || g.skipped != 0 {
		t.Errorf("%d nodes are looked at, of which %d have been passed by since", len(g.nodes), g.skipped)
	}
}

// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// ring is HAProxy's consistent hash: each server has weight * 16 nodes on the ring, at positions
// derived from its id. A hash belongs to the nearest node. When a server leaves, or its weight
// falls, only the hashes of the removed nodes move.
//
// Nodes of servers outside of the view stay on the ring and are skipped, so that a change of the
// view costs O(servers): a thousand servers of weight 100 have 1.6 million nodes, and all may go
// down at once.
type ring struct {
	all     []node         // sorted; immutable once made
	nodes   []node         // all, or those of the view only (see shrink)
	servers []*pool.Server // of the configuration
	made    []int          // number of a server's nodes in all, by Index
	shares  []int          // number of a server's nodes in the view, by Index
	live    int            // number of nodes in the view
	skipped int            // nodes skipped by lookups since the view changed
	last    node           // the node that next returned
	turned  bool
}

// node packs a position on the ring (upper 32 bits), a server's Index and the number of its node.
// The latter two break ties between nodes at one position.
type node uint64

const numberBits = 12 // enough for heaviest

func newNode(s *pool.Server, number int) node {
	key := sample.Avalanche(uint32(s.ID)*heaviest + uint32(number)) // wraps around as in HAProxy
	return node(key)<<32 | node(s.Index)<<numberBits | node(number)
}

func (n node) key() uint32 { return uint32(n >> 32) }

func (n node) index() int { return int(uint32(n) >> numberBits) }

func (n node) number() int { return int(n & (1<<numberBits - 1)) }

// build applies a new view.
func (g *ring) build(v pool.View) {
	if !slices.Equal(g.servers, v.All) {
		*g = ring{servers: v.All, made: make([]int, len(v.All)), shares: make([]int, len(v.All)), last: g.last, turned: g.turned}
	}
	clear(g.shares)
	g.live, g.skipped = 0, 0
	fresh := false // a server lacks nodes
	for i, s := range v.Servers {
		g.shares[s.Index] = v.Shares[i]
		g.live += v.Shares[i]
		fresh = fresh || g.made[s.Index] < v.Shares[i]
	}
	if fresh {
		g.extend(v)
	}
	g.nodes = g.all
}

// extend adds the missing nodes, and at the same time those of all other servers that may come up:
// if a thousand servers come up one after the other, only the first pays.
func (g *ring) extend(v pool.View) {
	var added []node
	for _, s := range v.All {
		want := g.shares[s.Index]
		if s.Backup == v.Backups() {
			want = max(want, s.Weight*pool.Scale)
		}
		for ; g.made[s.Index] < want; g.made[s.Index]++ {
			added = append(added, newNode(s, g.made[s.Index]))
		}
	}
	slices.Sort(added)
	g.all = merge(g.all, added)
}

// shrink drops the nodes outside of the view from nodes, once lookups have skipped as many nodes as
// that costs.
func (g *ring) shrink() {
	if g.skipped <= len(g.all) {
		return
	}
	nodes := make([]node, 0, g.live)
	for _, n := range g.all {
		if g.alive(n) {
			nodes = append(nodes, n)
		}
	}
	g.nodes, g.skipped = nodes, 0
}

func (g *ring) alive(n node) bool { return n.number() < g.shares[n.index()] }

// merge merges two sorted lists.
func merge(a, b []node) []node {
	if len(b) == 0 {
		return a
	}
	both := make([]node, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			both, a = append(both, a[0]), a[1:]
		} else {
			both, b = append(both, b[0]), b[1:]
		}
	}
	return append(append(both, a...), b...)
}

// step returns the index of the first node of the view at or after i, in direction 1 or -1. The
// view must not be empty.
func (g *ring) step(i, direction int) int {
	for n := len(g.nodes); ; i += direction {
		switch {
		case i == n:
			i = 0
		case i < 0:
			i = n - 1
		}
		if g.alive(g.nodes[i]) {
			return i
		}
		g.skipped++
	}
}

func (g *ring) server(i int) *pool.Server { return g.servers[g.nodes[i].index()] }

// lookup returns the server of the node nearest to a hash, or the next one on the ring that suits;
// nil if none does.
func (g *ring) lookup(hash uint32, suits func(*pool.Server) bool) *pool.Server {
	if g.live == 0 {
		return nil
	}
	g.shrink()
	at, _ := slices.BinarySearch(g.nodes, node(hash)<<32)
	next, before := g.step(at, 1), g.step(at-1, -1)
	if hash-g.nodes[before].key() <= g.nodes[next].key()-hash {
		next = before
	}
	for range g.live {
		if s := g.server(next); suits(s) {
			return s
		}
		next = g.step(next+1, 1)
	}
	return nil
}

// nearest returns the server that lookup finds for a request. If no server suits, it returns the
// next one that the request does not avoid.
func (g *ring) nearest(hash uint32, r *pool.Request, suits func(*pool.Server) bool) *pool.Server {
	if s := g.lookup(hash, suits); s != nil {
		return s
	}
	return g.lookup(hash, func(s *pool.Server) bool { return !r.Avoids(s) })
}

// next returns the server of the next node whose server suits.
func (g *ring) next(suits func(*pool.Server) bool) *pool.Server {
	if g.live == 0 {
		return nil
	}
	g.shrink()
	at := 0
	if g.turned {
		next, found := slices.BinarySearch(g.nodes, g.last)
		if at = next; found {
			at++
		}
	}
	for range g.live {
		at = g.step(at, 1)
		if s := g.server(at); suits(s) {
			g.last, g.turned = g.nodes[at], true
			return s
		}
		at++
	}
	return nil
}

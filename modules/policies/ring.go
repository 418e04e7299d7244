// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// ring is HAProxy's consistent hash: each server has as many nodes on it as its
// weight times 16, at places that follow from its id. A hash belongs to the
// nearest node. Where a server leaves, or has a lower weight, only what belonged
// to its nodes moves.
type ring struct {
	nodes   []node // by their keys
	shares  []int  // how many nodes a server has, by its Index
	servers []*pool.Server
	last    node // where turn was
	turned  bool
}

// node is a place on the ring (the upper half), and a server's Index and the
// number of its node, which settle who is first at one place.
type node uint64

const numberBits = 12 // heaviest has as many nodes

func newNode(s *pool.Server, number int) node {
	key := avalanche(uint32(s.ID)*heaviest + uint32(number)) // larger ids wrap around in HAProxy, too
	return node(key)<<32 | node(s.Index)<<numberBits | node(number)
}

func (n node) key() uint32 { return uint32(n >> 32) }

func (n node) index() int { return int(uint32(n) >> numberBits) }

func (n node) number() int { return int(n & (1<<numberBits - 1)) }

// build has the ring be that of a view.
func (g *ring) build(v pool.View) {
	size := 0
	for _, s := range v.Servers {
		size = max(size, s.Index+1)
	}
	before, servers := g.shares, g.servers
	g.shares, g.servers = make([]int, size), make([]*pool.Server, size)
	for i, s := range v.Servers {
		g.shares[s.Index], g.servers[s.Index] = v.Shares[i], s
	}
	same := func(i int) bool { // its nodes may stay
		return i < size && i < len(servers) && g.servers[i] != nil && servers[i] != nil && g.servers[i].ID == servers[i].ID
	}
	kept := slices.DeleteFunc(g.nodes, func(n node) bool { return !same(n.index()) || n.number() >= g.shares[n.index()] })
	var added []node
	for _, s := range v.Servers {
		from := 0
		if same(s.Index) {
			from = before[s.Index]
		}
		for ; from < g.shares[s.Index]; from++ {
			added = append(added, newNode(s, from))
		}
	}
	slices.Sort(added)
	g.nodes = merge(kept, added)
}

// merge is both lists as one, in order.
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

func (g *ring) server(i int) *pool.Server { return g.servers[g.nodes[i].index()] }

// lookup is the server of the node nearest to a hash that suits, or else of the
// next one that does; nil where none does.
func (g *ring) lookup(hash uint32, suits func(*pool.Server) bool) *pool.Server {
	n := len(g.nodes)
	if n == 0 {
		return nil
	}
	next, _ := slices.BinarySearch(g.nodes, node(hash)<<32)
	next %= n
	before := (next + n - 1) % n
	if hash-g.nodes[before].key() <= g.nodes[next].key()-hash {
		next = before
	}
	for range n {
		if s := g.server(next); suits(s) {
			return s
		}
		if next++; next == n {
			next = 0
		}
	}
	return nil
}

// nearest is lookup for a request. Where nobody suits, it is the next server that
// the request does not avoid.
func (g *ring) nearest(hash uint32, r *pool.Request, suits func(*pool.Server) bool) *pool.Server {
	if s := g.lookup(hash, suits); s != nil {
		return s
	}
	return g.lookup(hash, func(s *pool.Server) bool { return !r.Avoids(s) })
}

// turn is the server that suits of the next node on the ring.
func (g *ring) turn(suits func(*pool.Server) bool) *pool.Server {
	next := 0
	if g.turned {
		at, found := slices.BinarySearch(g.nodes, g.last)
		if next = at; found {
			next++
		}
	}
	for i := range g.nodes {
		at := (next + i) % len(g.nodes)
		if s := g.server(at); suits(s) {
			g.last, g.turned = g.nodes[at], true
			return s
		}
	}
	return nil
}

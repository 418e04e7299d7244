// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The sequences were recorded from HAProxy.
func TestStaticRRSequences(t *testing.T) {
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1}, "AAAA"},
		{[]int{5, 3, 2}, "AABACABABCAABACABABCAABA"},
		{[]int{1, 1, 1}, "ABCABCABCABCABCABCABCABC"},
		{[]int{3, 1, 2}, "AACABCAACABCAACABCAACABC"},
		{[]int{2, 4, 6}, "ACBCBCACBCBCACBCBCACBCBC"},
		{[]int{1, 7, 3}, "ABBCBBBCBBCABBCBBBCBBCAB"},
		{[]int{0, 2, 1}, "BBCBBCBBCBBCBBCBBCBBCBBC"},
		{[]int{256, 1, 1}, "AAAAAAAAAAAAAAAAAAAAAAAA"},
		{[]int{10, 10, 1}, "ABABABABABABABABABABCABABABABABABABABABABC"},
	} {
		p := openServers(t, new(StaticRR), weighted(c.weights, nil)...)
		if got := sequence(t, p, len(c.want)); got != c.want {
			t.Errorf("weights %v: %s, want %s", c.weights, got, c.want)
		}
	}
}

// A server that is avoided or full loses its turn, and no other server does.
func TestStaticRRSkipsFullAndAvoided(t *testing.T) {
	servers := weighted([]int{1, 1, 1}, nil)
	servers[1].MaxConn = 1
	if got := play(t, new(StaticRR), servers, "9 -1 3"); got != "ABCACACAC ABC" {
		t.Errorf("with B full: %s", got)
	}
	p := openServers(t, new(StaticRR), weighted([]int{1, 1, 1}, nil)...)
	var r pool.Request
	r.Avoid(p.Servers()[0])
	if got := pick(t, p, &r) + sequence(t, p, 3); got != "BCAB" {
		t.Errorf("with A avoided once: %s", got)
	}
}

// If all servers are full, a connection waits for the first one with a free slot.
func TestStaticRRQueuesWhenAllAreFull(t *testing.T) {
	servers := weighted([]int{1, 1}, nil)
	servers[0].MaxConn, servers[1].MaxConn = 1, 1
	if got := play(t, new(StaticRR), servers, "3 1"); got != "AB. ." {
		t.Errorf("%s, want those without room to wait", got)
	}
}

// The position in the list survives a reload, also if the list gets longer.
func TestStaticRRKeepsItsPlace(t *testing.T) {
	for _, c := range []struct {
		before []int
		taken  int
		after  []int
		next   string
	}{
		{[]int{1, 1, 1}, 4, []int{1, 1, 1}, "BCABC"},
		{[]int{5, 3, 2}, 3, []int{5, 3, 2}, "ACABABC"},
		{[]int{1, 1, 1}, 3, []int{1, 1}, "ABAB"},
		{[]int{1, 1}, 2, []int{1, 1, 1}, "CABC"},
	} {
		var reg pool.Registry
		old := openPool(t, &reg, new(StaticRR), c.before...)
		sequence(t, old, c.taken)
		p := openPool(t, &reg, new(StaticRR), c.after...)
		if got := sequence(t, p, len(c.next)); got != c.next {
			t.Errorf("%v after %d of %v: went on with %s, want %s", c.after, c.taken, c.before, got, c.next)
		}
	}
}

// The list follows HAProxy's rule: before each slot, every server's score grows by its weight; the
// slot goes to the server with the highest score in whole totals, or the first of several, and
// costs it one total.
func TestTableFollowsHAProxyRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 8), rapid.IntRange(0, pool.MaxWeight)), 1, 12).Draw(t, "weights")
		idle := rapid.IntRange(0, 2*len(weights)).Draw(t, "server that is down")
		var v pool.View
		common := 0
		for i, w := range weights {
			s := &pool.Server{ServerConfig: pool.ServerConfig{Weight: w}, Index: i}
			v.All = append(v.All, s)
			common = naiveGCD(common, w)
			if w > 0 && i != idle {
				v.Servers, v.Weights = append(v.Servers, s), append(v.Weights, w)
			}
		}
		var got table
		got.build(v)
		want := naiveTable(v, max(common, 1))
		got.fill()
		if len(got.slots) != len(want) {
			t.Fatalf("weights %v: %d slots, want %d", weights, len(got.slots), len(want))
		}
		for i, s := range want {
			if got.slots[i] != s {
				t.Fatalf("weights %v, slot %d: server %d, want %d", weights, i, got.slots[i].Index, s.Index)
			}
		}
	})
}

func naiveTable(v pool.View, common int) (slots []*pool.Server) {
	total := 0
	for _, w := range v.Weights {
		total += w / common
	}
	scores := make([]int, len(v.Servers))
	for range total {
		best, most := 0, -1
		for i, w := range v.Weights {
			scores[i] += w / common
			if score := (scores[i] + total) / total; score > most {
				best, most = i, score
			}
		}
		scores[best] -= total
		slots = append(slots, v.Servers[best])
	}
	return slots
}

func naiveGCD(a, b int) int {
	for d := max(a, b); d > 0; d-- {
		if a%d == 0 && b%d == 0 {
			return d
		}
	}
	return 0
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// What a node does while the DNS does not answer: it waits, and asks again after a pause.
const (
	queryTimeout = 3 * time.Second // three tries of a second
	queryPause   = time.Second
)

// disagreement counts the clients that meet another server at another node, at some time.
type disagreement struct {
	Policy string `json:"policy"`
	// Second counts from the begin of the partition.
	Second int `json:"second"`
	// Pairs are clients that asked any two nodes, Differ those that got two servers.
	Pairs  int `json:"pairs"`
	Differ int `json:"differ"`
}

// samples returns the number of clients that ask each second.
func (s size) samples() int { return max(100, s.Clients/500) }

// partitioned cuts half of a fleet off from the DNS, while servers change, and returns how far the
// nodes disagree from before until after it.
func partitioned(s size) (all []disagreement, err error) {
	v, err := newVersions(s.hashed(), s.Servers)
	if err != nil {
		return nil, err
	}
	defer v.close()
	random := randomOf(5)
	nodes := newNodes(s.Nodes[len(s.Nodes)-1], s.TTL, random)
	begin := 2 * s.TTL
	end := begin + s.Partition
	var request pool.Request
	for at := s.TTL; at < end+2*s.TTL; at += time.Second {
		for int(at/s.Every) > v.newest() {
			if err := v.change(0); err != nil {
				return nil, err
			}
		}
		for i, p := range v.policies {
			d := disagreement{Policy: p.name, Second: int((at - begin) / time.Second), Pairs: s.samples()}
			for range d.Pairs {
				differs, err := v.differ(i, random, &request, func() int {
					n := random.IntN(len(nodes))
					return int(nodes[n].knows(at, s.TTL, n%2 == 0, begin, end) / s.Every)
				})
				if err != nil {
					return nil, err
				}
				if differs {
					d.Differ++
				}
			}
			all = append(all, d)
		}
	}
	return all, nil
}

// differ reports whether a client gets two servers at two nodes, whose versions pick returns.
func (v *versions) differ(policy int, random *rand.Rand, r *pool.Request, pick func() int) (bool, error) {
	client := random.IntN(1 << 20)
	one, err := chosen(v.of(pick())[policy], client, r)
	if err != nil {
		return false, err
	}
	other, err := chosen(v.of(pick())[policy], client, r)
	return one != other, err
}

// knows returns the time whose changes a node knows: of its last query that was answered. A node
// that is cut off gets no answers from begin to end.
func (n node) knows(at, ttl time.Duration, cut bool, begin, end time.Duration) time.Duration {
	if !cut || at < begin {
		return n.asked(at, ttl)
	}
	last := n.asked(begin-1, ttl)
	query := last + ttl // the first one that may get no answer
	for query < end {
		query += queryTimeout + queryPause
	}
	if at < query {
		return last
	}
	return query + (at - query).Truncate(ttl)
}

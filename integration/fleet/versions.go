// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// versions holds the pools of the lineups that some node still has. Nodes with the same lineup
// share them: each would make the same choices, as a test of the policies proves.
type versions struct {
	policies []policy
	lineup   *lineup
	first    int            // the number of the oldest version that is kept
	pools    [][]*pool.Pool // of each version, of each policy
	gone     map[string]int // the version that first misses a server
}

func newVersions(policies []policy, servers int) (*versions, error) {
	v := &versions{policies: policies, lineup: newLineup(servers), gone: make(map[string]int)}
	return v, v.open()
}

// open adds the pools of the present lineup.
func (v *versions) open() error {
	all := make([]*pool.Pool, 0, len(v.policies))
	for _, p := range v.policies {
		opened, err := p.open(v.lineup.shuffled())
		if err != nil {
			return err
		}
		all = append(all, opened)
	}
	v.pools = append(v.pools, all)
	return nil
}

// newest returns the number of the newest version.
func (v *versions) newest() int { return v.first + len(v.pools) - 1 }

// change adds the version after the next change, and drops those below a number.
func (v *versions) change(keep int) error {
	before := v.lineup.servers
	had := make(map[string]bool, len(before))
	for _, s := range before {
		had[s.Name] = true
	}
	v.lineup.change(v.newest())
	if err := v.open(); err != nil {
		return err
	}
	for _, s := range v.lineup.servers {
		delete(had, s.Name)
	}
	for name := range had {
		v.gone[name] = v.newest()
	}
	for ; v.first < keep && len(v.pools) > 1; v.first++ {
		closeAll(v.pools[0])
		v.pools = v.pools[1:]
	}
	return nil
}

// of returns the pools of a version, or of the oldest one that is kept.
func (v *versions) of(version int) []*pool.Pool { return v.pools[max(version-v.first, 0)] }

// has reports whether a server is in a version.
func (v *versions) has(server string, version int) bool {
	gone, was := v.gone[server]
	return !was || version < gone
}

func (v *versions) close() {
	for _, all := range v.pools {
		closeAll(all)
	}
}

func closeAll(pools []*pool.Pool) {
	for _, p := range pools {
		p.Close()
	}
}

// node is a load balancer, which asks the DNS at times of its own.
type node struct{ phase time.Duration }

// newNodes returns nodes that have begun at any time.
func newNodes(n int, ttl time.Duration, random *rand.Rand) []node {
	nodes := make([]node, n)
	for i := range nodes {
		nodes[i].phase = time.Duration(random.Int64N(int64(ttl)))
	}
	return nodes
}

// asked returns when a node has last asked before a time.
func (n node) asked(at, ttl time.Duration) time.Duration {
	return at - (at+ttl-n.phase)%ttl
}

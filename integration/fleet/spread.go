// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// spread counts connections that stay by server: each node chooses by what it knows itself.
type spread struct {
	Policy      string `json:"policy"`
	Nodes       int    `json:"nodes"`
	Servers     int    `json:"servers"`
	Connections int    `json:"connections"`
	Most        int    `json:"most"` // connections of the busiest server
	Least       int    `json:"least"`
}

// spreadServers is the number of servers of each spread: few enough for a thousand pools.
const spreadServers = 100

// fewest and most are the bounds of the connections of a node.
const fewest, most = 20, 200

// spreadAll returns how evenly the servers are used, by policy and number of nodes.
func spreadAll(s size) (all []spread, err error) {
	for _, nodes := range s.Nodes {
		for _, p := range slices.Concat(local, s.hashed()[:2]) {
			one, err := spreadOf(p, nodes)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

func spreadOf(p policy, nodes int) (spread, error) {
	l, random, counts := newLineup(spreadServers), randomOf(4), make(map[string]int)
	s := spread{Policy: p.name, Nodes: nodes, Servers: spreadServers}
	for range nodes {
		connections := fewest + random.IntN(most-fewest)
		if err := p.connect(connections, l.servers, random, counts); err != nil {
			return s, err
		}
		s.Connections += connections
	}
	s.Most, s.Least = extremes(counts, spreadServers)
	return s, nil
}

// connect lets clients connect to one node, and counts them by server.
func (p policy) connect(clients int, servers []pool.ServerConfig, random *rand.Rand, counts map[string]int) error {
	opened, err := p.open(servers)
	if err != nil {
		return err
	}
	defer opened.Close()
	requests, leases := make([]pool.Request, clients), make([]*pool.Lease, 0, clients)
	for i := range requests {
		requests[i].Source = source(random.IntN(1 << 24))
		lease, err := opened.Acquire(context.Background(), &requests[i])
		if err != nil {
			return fmt.Errorf("connecting to a server: %w", err)
		}
		counts[lease.Server.Name]++
		leases = append(leases, lease)
	}
	for _, lease := range leases {
		lease.Release(pool.Served)
	}
	return nil
}

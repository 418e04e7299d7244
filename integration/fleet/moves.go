// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// moved counts the clients whose server changes when one of the servers leaves.
type moved struct {
	Policy  string `json:"policy"`
	Servers int    `json:"servers"`
	Clients int    `json:"clients"`
	Own     int    `json:"own"`    // of the server that left
	Others  int    `json:"others"` // of servers that stayed
	// Most and Least are the clients of the busiest server and of that with the fewest before.
	Most  int `json:"most"`
	Least int `json:"least"`
}

// moveAll returns what a change moves, by policy and number of servers.
func moveAll(s size) (all []moved, err error) {
	for _, servers := range s.Lineups {
		for _, p := range s.hashed() {
			m, err := move(p, servers, s.Clients)
			if err != nil {
				return nil, err
			}
			all = append(all, m)
		}
	}
	return all, nil
}

func move(p policy, servers, clients int) (moved, error) {
	l := newLineup(servers)
	all, err := p.open(l.servers)
	if err != nil {
		return moved{}, err
	}
	defer all.Close()
	left := l.servers[randomOf(3).IntN(servers)].Name
	var remaining []pool.ServerConfig
	for _, c := range l.servers {
		if c.Name != left {
			remaining = append(remaining, c)
		}
	}
	fewer, err := p.open(remaining)
	if err != nil {
		return moved{}, err
	}
	defer fewer.Close()
	m, counts := moved{Policy: p.name, Servers: servers, Clients: clients}, make(map[string]int)
	var request pool.Request
	for client := range clients {
		before, err := chosen(all, client, &request)
		if err != nil {
			return m, err
		}
		after, err := chosen(fewer, client, &request)
		if err != nil {
			return m, err
		}
		counts[before]++
		switch {
		case before == left:
			m.Own++
		case before != after:
			m.Others++
		}
	}
	m.Most, m.Least = extremes(counts, servers)
	return m, nil
}

// extremes returns the greatest and the smallest of n counts; those that are missing are 0.
func extremes(counts map[string]int, n int) (most, least int) {
	if least = 1 << 62; len(counts) < n {
		least = 0
	}
	for _, count := range counts {
		most, least = max(most, count), min(least, count)
	}
	return most, least
}

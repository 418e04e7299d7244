// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"time"
)

// size holds the dimensions of a simulation.
type size struct {
	Nodes   []int `json:"nodes"`   // the numbers of nodes that are compared
	Servers int   `json:"servers"` // at any time
	Changes int   `json:"changes"` // of the servers: in turn one leaves and one joins
	Clients int   `json:"clients"`
	Visits  int   `json:"visits"` // of each client

	// Every is the time between changes, TTL that of DNS answers: a node learns of changes at the
	// first query after its last answer has expired.
	Every time.Duration `json:"every"`
	TTL   time.Duration `json:"ttl"`

	// A client comes back after MinGap to MaxGap, and meets any node.
	MinGap time.Duration `json:"min_gap"`
	MaxGap time.Duration `json:"max_gap"`

	// TableSize is that of maglev. Default: that of the policy.
	TableSize int `json:"table_size,omitempty"`

	// Lineups are the numbers of servers for which moved clients and shares are counted.
	Lineups []int `json:"lineups"`
	// Partition is the time for which half of the nodes get no answers.
	Partition time.Duration `json:"partition"`
}

// full is the size of the numbers in docs/scale.md.
var full = size{
	Nodes: []int{10, 30, 100, 300, 1000}, Servers: 1000, Changes: 10_000, Clients: 1_000_000, Visits: 4,
	Every: time.Second, TTL: 10 * time.Second, MinGap: 5 * time.Second, MaxGap: time.Minute,
	Lineups: []int{10, 30, 100, 300, 1000}, Partition: time.Minute,
}

// small is a size for tests: about a second.
var small = size{
	Nodes: []int{3, 10}, Servers: 20, Changes: 60, Clients: 2000, Visits: 4,
	Every: time.Second, TTL: 10 * time.Second, MinGap: 5 * time.Second, MaxGap: 20 * time.Second,
	Lineups: []int{10, 20}, Partition: 20 * time.Second, TableSize: 4099,
}

// seed of everything that is random.
const seed = 27

// randomOf returns the random numbers of one simulation, the same in each run.
func randomOf(simulation uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, simulation)) //nolint:gosec // they must not be secret
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"
)

// What a node sends to Redis for a table of its own, as package redisstore does: changes are
// collected for a pause, and written in one transaction with one message to all nodes.
const (
	redisPause = 10 * time.Millisecond
	redisBatch = 256 // entries of a transaction

	firstCommands   = 2 // GETRANGE before the server of a new client is chosen, SET after
	againCommands   = 2 // SETNX, PEXPIRE: the entry is used
	countedCommands = 1 // SET of the node's own counts
	frameCommands   = 2 // MULTI, EXEC of a transaction
	beatCommands    = 3 // MULTI, SET, EXEC of a heartbeat each second; its PUBLISH is a message
)

// tableCost counts what Redis has to do for a shared table in a second.
type tableCost struct {
	// Kind is sticky, a table with the servers of clients, or sticky and counted: one with a counter
	// or a rate beside them, which changes with each visit.
	Kind  string `json:"kind"`
	Nodes int    `json:"nodes"`
	// Visits are the connections of the fleet, First those of clients without an entry.
	Visits int `json:"visits"`
	First  int `json:"first"`
	// Commands are those that nodes send, Messages the PUBLISH commands among them, and Deliveries
	// what Redis sends of these: one to each node.
	Commands   int `json:"commands"`
	Messages   int `json:"messages"`
	Deliveries int `json:"deliveries"`
}

// How often a client of the simulated tables comes, and after what time it is forgotten.
const (
	comesEvery = 30 * time.Second
	staysFor   = 30 * time.Minute
)

// shareAll returns what tables cost fleets of all sizes, with as many visits of all clients.
func shareAll(s size) (all []tableCost) {
	for _, nodes := range s.Nodes {
		for _, counted := range []bool{false, true} {
			all = append(all, shareTable(nodes, s.Clients/int(comesEvery/time.Second), s.Clients/int(staysFor/time.Second), counted))
		}
	}
	return all
}

// shareTable simulates a second. Clients meet any node at any time.
func shareTable(nodes, visits, first int, counted bool) tableCost {
	c := tableCost{Kind: "sticky", Nodes: nodes, Visits: visits, First: first}
	if counted {
		c.Kind = "sticky and counted"
	}
	random := randomOf(6)
	const pauses = int(time.Second / redisPause)
	// Entries of each transaction, and those of them in messages.
	written, told := make([]int, nodes*pauses), make([]int, nodes*pauses)
	for visit := range visits {
		at := random.IntN(len(written))
		written[at]++
		switch {
		case visit < first:
			c.Commands += firstCommands
			told[at]++
		default:
			c.Commands += againCommands
		}
		if counted {
			c.Commands += countedCommands
			told[at] = written[at]
		}
	}
	for at := range written {
		transactions := (written[at] + redisBatch - 1) / redisBatch
		c.Commands += frameCommands * transactions
		c.Messages += (told[at] + redisBatch - 1) / redisBatch
	}
	c.Messages += nodes // heartbeats
	c.Commands += c.Messages + beatCommands*nodes
	c.Deliveries = c.Messages * nodes
	return c
}

func (r results) tablesTable() string {
	m := newMarkdown("table", "nodes", "connections/s", "commands/s", "messages/s", "deliveries/s")
	for _, n := range r.Tables {
		m.row(n.Kind, fmt.Sprint(n.Nodes), fmt.Sprint(n.Visits), fmt.Sprint(n.Commands), fmt.Sprint(n.Messages), fmt.Sprint(n.Deliveries))
	}
	return m.String()
}

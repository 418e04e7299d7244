// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/redisstore"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// sharer is a node with a table of its own, which Redis shares.
type sharer struct {
	*tables.Table
	stick.Share
}

// share starts a node.
func share(t *testing.T, address, prefix string, stored ...tables.Data) sharer {
	t.Helper()
	store := &redisstore.Redis{URL: "redis://" + address, Prefix: prefix, Timeout: caddy.Duration(5 * time.Second)}
	if err := store.Provision(caddy.Context{Context: context.Background()}); err != nil {
		t.Fatal(err)
	}
	c := tables.Config{Type: tables.String, Length: 32, Size: 10_000, Expire: time.Hour}
	for _, d := range stored {
		c.Store = append(c.Store, tables.Store{Data: d})
	}
	table := tables.New(c)
	n := sharer{table, store.Share("t", table)}
	t.Cleanup(n.Close)
	programs.Until(t, "a node reaches Redis", func() bool { return n.Status().State == "connected" })
	return n
}

// visit does what a connection does: it looks for its server, in the table and then in Redis,
// stores it, and is counted.
func (n sharer) visit(client int) {
	key := fmt.Append(nil, "client ", client)
	if !n.Touch(key, func(tables.Row) {}) && n.Fetches(key) {
		n.Fetch(key)
	}
	n.Update(key, func(r tables.Row) {
		r.SetServer("s1")
		r.Add(tables.GPC0, 0, 1)
	})
}

// commands are the numbers of commands that Redis has run.
type commands map[string]int

var statLine = regexp.MustCompile(`cmdstat_([a-z]+):calls=(\d+)`)

func commandsOf(t *testing.T, client *redis.Client) commands {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	all := make(commands)
	for _, m := range statLine.FindAllStringSubmatch(info, -1) {
		all[m[1]], _ = strconv.Atoi(m[2])
	}
	return all
}

// TestCommandsOfRedis counts the commands that three nodes cause in a real Redis: those for each
// connection are as many as simulated.
func TestCommandsOfRedis(t *testing.T) {
	t.Parallel()
	server := &programs.Redis{Address: programs.Address(t)}
	server.Start(t)
	server.Await(t)
	client := redis.NewClient(&redis.Options{Addr: server.Address})
	t.Cleanup(func() { _ = client.Close() })
	for kind, stored := range map[string][]tables.Data{"sticky": {tables.Server}, "sticky and counted": {tables.Server, tables.GPC0}} {
		nodes := []sharer{share(t, server.Address, kind, stored...), share(t, server.Address, kind, stored...), share(t, server.Address, kind, stored...)}
		counted := countedCommands * (len(stored) - 1)
		// Clients are new at one node, and come back to the next one.
		for round, want := range []int{firstCommands + counted, againCommands + counted} {
			before := commandsOf(t, client)
			got := func() (n int) {
				for name, calls := range commandsOf(t, client) {
					if name == "getrange" || name == "setnx" || name == "pexpire" || name == "set" {
						n += calls - before[name]
					}
				}
				return n
			}
			const clients = 300
			for i := range clients {
				nodes[(i+round)%len(nodes)].visit(i)
			}
			for _, n := range nodes {
				programs.Until(t, "all nodes have all entries", func() bool { return n.Len() == clients })
			}
			programs.Until(t, "all changes are written", func() bool { return got() >= want*clients })
			// Each node sets its heartbeat each second.
			if n := got(); n > want*clients+clients/2 {
				t.Errorf("%s, round %d: %d commands for %d connections, want %d for each", kind, round+1, n, clients, want)
			}
		}
	}
}

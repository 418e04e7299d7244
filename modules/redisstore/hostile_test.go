// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// What another program writes under the names of the table's keys is counted, and left out.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url()})
	c := shared(t, "server_id", "gpc0")
	client, k := s.client(), newKeys(DefaultPrefix, "t")
	ctx := context.Background()
	_, state := recordOf(c, func(r tables.Row) { r.SetServer("s1") })
	long := string(appendText(appendText(nil, "server_id"), strings.Repeat("s", maxName+1)))
	client.LPush(ctx, k.entry([]byte("list")), "x")
	client.Set(ctx, k.entry([]byte("cut")), state[:len(state)-1], 0)
	client.Set(ctx, k.entry([]byte("long name")), long, 0)
	client.Set(ctx, k.entry([]byte("huge")), strings.Repeat("x", 1<<20), 0)
	client.Set(ctx, k.entry([]byte("good")), state, 0)
	client.Set(ctx, k.base+"something", "else", 0)
	client.Set(ctx, k.counts("no such run", []byte("good")), "x", 0)
	m := join(t, store, c)
	programs.Until(t, "all is read", func() bool { return m.server("good") == "s1" && m.share.Status().Learned["invalid"] >= 4 })
	for _, key := range []string{"list", "cut", "long name", "huge"} {
		m.share.Fetch([]byte(key))
		if got := m.server(key); got != "" {
			t.Errorf("%s: server %q", key, got)
		}
	}
	if got := m.share.Status(); got.Fetches["invalid"] != 4 || got.Outages != 0 {
		t.Errorf("%+v", got)
	}
	for _, text := range []string{"", "1", "2c\x01a\x01b", "1c\xff\xff", "1c\x01a\x01b\x01\x05k", "1c\x00\x00", strings.Repeat("1c", 1000)} {
		client.Publish(ctx, k.channel(), text)
	}
	client.Publish(ctx, k.channel(), appendChange(messageHead(changes, "run", "node"), change{key: "new", parts: hasState, state: string(state)}))
	programs.Until(t, "messages are read after those that are invalid", func() bool { return m.server("new") == "s1" })
}

// The names of servers that a table learns are bounded, and so are nodes.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := &share{table: tables.New(shared(t, "server_id")), servers: make(map[string]bool), sent: make(map[string]bool), heard: make(map[string]bool)}
	s.config = s.table.Config()
	s.synced, s.peers = tables.New(s.config), peers{table: s.table, config: withStores(s.config, false)}
	learned := 0
	for i := range maxServers + 10 {
		_, state := recordOf(s.config, func(r tables.Row) { r.SetServer(fmt.Sprint("s", i)) })
		if s.learnState([]byte("k"), string(state)) == isLearned {
			learned++
		}
	}
	if learned != maxServers {
		t.Errorf("%d names were learned, want %d", learned, maxServers)
	}
	for i := range maxPeers + 10 {
		s.apply(string(messageHead(heartbeat, fmt.Sprint("run ", i), "node")))
	}
	if n := s.peers.count(); n != maxPeers {
		t.Errorf("%d nodes, want %d", n, maxPeers)
	}
}

// Keys are bytes of clients.
func TestKeys(t *testing.T) {
	t.Parallel()
	k := newKeys("p*[", "web/t")
	for _, key := range []string{"", "a", "}{", "x:y:z", "\x00\r\n*", "n:run:key"} {
		if got, run, ok := k.parse(k.entry([]byte(key))); !ok || run != "" || got != key {
			t.Errorf("entry of %q: %q, %q, %t", key, got, run, ok)
		}
		if got, run, ok := k.parse(k.counts("run", []byte(key))); !ok || run != "run" || got != key {
			t.Errorf("counts of %q: %q, %q, %t", key, got, run, ok)
		}
		if !strings.HasPrefix(k.entry([]byte(key)), "{p*[:web/t}:") {
			t.Errorf("%q", k.entry([]byte(key)))
		}
	}
	if got, want := k.pattern(), `{p\*\[:web/t}:*`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, name := range []string{"", "{p*[:web/t}:", k.channel(), k.node("run"), k.base + "n:run", k.base + "n::key", "{p*[:other}:e:x"} {
		if _, _, ok := k.parse(name); ok {
			t.Errorf("%q is of an entry", name)
		}
	}
}

func FuzzMessage(f *testing.F) {
	c := tables.Config{Type: tables.String, Size: 100, Store: []tables.Store{{Data: tables.Server}, {Data: tables.GPC, Count: 2}, {Data: tables.ConnRate, Period: 1000000}}}
	record, state := recordOf(c, func(r tables.Row) {
		r.SetServer("s1")
		r.Add(tables.ConnRate, 0, 1)
	})
	f.Add(string(appendChange(messageHead(changes, "run", "node"), change{key: "k", parts: hasState | hasCounts, state: string(state), counts: string(record)})))
	f.Add("1c\x01a\x01b\x04\x01k")
	f.Fuzz(func(t *testing.T, text string) {
		s := &share{table: tables.New(c), servers: make(map[string]bool), sent: make(map[string]bool), heard: make(map[string]bool), config: c}
		s.synced, s.peers = tables.New(withStores(c, true)), peers{table: s.table, config: withStores(c, false)}
		s.apply(text)
		if s.table.Len() > c.Size || len(s.servers) > maxServers {
			t.Errorf("%d entries, %d servers", s.table.Len(), len(s.servers))
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

func TestMain(m *testing.M) { programs.VerifyNoLeaks(m) }

// server is a real Redis.
type server struct {
	t    *testing.T
	dir  string
	port string
	args []string
	cmd  *exec.Cmd
}

// startRedis starts a Redis, which ends with the test.
func startRedis(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), args: args}
	_, s.port, _ = strings.Cut(programs.Address(t), ":")
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) url() string { return "redis://127.0.0.1:" + s.port }

// start starts it and waits until it answers, if only with an error.
func (s *server) start() {
	s.t.Helper()
	s.startWith("--save", "")
}

// startWith starts it with arguments before all others.
func (s *server) startWith(args ...string) {
	s.t.Helper()
	args = append(args, "--bind", "127.0.0.1", "--port", s.port, "--dir", s.dir, "--logfile", s.dir+"/log")
	s.cmd = exec.Command(programs.Need(s.t, "redis-server"), append(args, s.args...)...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port, DisableIdentity: true})
	defer func() { _ = client.Close() }()
	programs.Until(s.t, "Redis answers", func() bool {
		var reply redis.Error
		err := client.Ping(context.Background()).Err()
		return err == nil || errors.As(err, &reply)
	})
}

// kill kills it. It keeps nothing.
func (s *server) kill() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// client returns a client of the test's own.
func (s *server) client() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port, DisableIdentity: true})
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// member is a node: a table of its own, which Redis shares.
type member struct {
	t     *testing.T
	table *tables.Table
	share *share
}

// shared is the configuration of the tables of tests.
func shared(t *testing.T, words ...string) tables.Config {
	t.Helper()
	c := tables.Config{Type: tables.String, Size: 20_000, Expire: time.Hour}
	for _, word := range words {
		stored, err := tables.ParseStore(word)
		if err != nil {
			t.Fatal(err)
		}
		c.Store = append(c.Store, stored)
	}
	return c
}

// provisioned returns a store with time enough for a busy machine.
func provisioned(t *testing.T, r Redis) *Redis {
	t.Helper()
	if r.Timeout == 0 {
		r.Timeout = caddy.Duration(5 * time.Second)
	}
	if err := r.Provision(caddy.Context{Context: t.Context()}); err != nil {
		t.Fatal(err)
	}
	return &r
}

// join returns a node whose table is shared.
func join(t *testing.T, r *Redis, c tables.Config) *member {
	t.Helper()
	table := tables.New(c)
	m := &member{t, table, r.Share("t", table).(*share)}
	t.Cleanup(m.share.Close)
	return m
}

func (m *member) awaitConnected() {
	m.t.Helper()
	programs.Until(m.t, "the node is connected", func() bool { return m.share.Status().State == stick.Connected })
}

// store stores the server of a key.
func (m *member) store(key, server string) {
	m.table.Update([]byte(key), func(r tables.Row) { r.SetServer(server) })
}

// server returns the server of a key in the table.
func (m *member) server(key string) (server string) {
	m.table.View([]byte(key), func(r tables.Row) { server = r.Server() })
	return server
}

// value returns a value of a key, or -1 without an entry.
func (m *member) value(key string, d tables.Data) int64 {
	n := int64(-1)
	m.table.View([]byte(key), func(r tables.Row) { n, _ = r.Get(d, 0) })
	return n
}

// All nodes get the server of a key that one of them stores, and the last one of a key counts.
func TestServersAreShared(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url()})
	c := shared(t, "server_id", "gpt0")
	a, b := join(t, store, c), join(t, store, c)
	a.awaitConnected()
	b.awaitConnected()
	const n = 1000
	for i := range n {
		a.store("from a "+strconv.Itoa(i), "s1")
		b.store("from b "+strconv.Itoa(i), "s2")
	}
	for _, m := range []*member{a, b} {
		programs.Until(t, "both have all entries", func() bool { return m.table.Len() == 2*n })
		programs.Until(t, "all is written", func() bool { return m.share.Status().Pending == 0 })
		programs.Until(t, "servers are those that were stored", func() bool { return m.server("from a 999") == "s1" && m.server("from b 0") == "s2" })
	}
	b.store("from a 5", "s3")
	b.table.Update([]byte("from a 5"), func(r tables.Row) { r.Set(tables.GPT0, 0, 7) })
	programs.Until(t, "the entry changes", func() bool { return a.server("from a 5") == "s3" && a.value("from a 5", tables.GPT0) == 7 })

	late := join(t, store, c)
	programs.Until(t, "a node that joins learns all", func() bool { return late.table.Len() == 2*n && late.server("from a 5") == "s3" })
	if ttl := s.client().PTTL(t.Context(), late.share.keys.entry([]byte("from a 5"))).Val(); ttl <= 0 || ttl > c.Expire {
		t.Errorf("the entry expires in %v", ttl)
	}
	programs.Until(t, "it knows the other nodes", func() bool { return late.share.Status().Nodes == 2 })
	if got := late.share.Status(); got.Learned["learned"] < 2*n || got.Learned["invalid"] > 0 {
		t.Errorf("%+v", got)
	}
}

// A key that the table lacks is looked up.
func TestFetch(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url()})
	c := shared(t, "server_id")
	a, small := join(t, store, c), c
	small.Size = 1
	b := join(t, store, small) // it drops what it learns
	a.awaitConnected()
	b.awaitConnected()
	for _, key := range []string{"x", "y", "z"} {
		a.store(key, "of "+key)
	}
	programs.Until(t, "all is written and learned", func() bool {
		return b.share.Status().Learned["learned"] >= 3 && a.share.Status().Pending == 0
	})
	for _, key := range []string{"x", "y", "z", "x"} {
		if b.server(key) == "" && !b.share.Fetches([]byte(key)) {
			t.Errorf("%s would not be looked up", key)
		}
		b.share.Fetch([]byte(key))
		if got := b.server(key); got != "of "+key {
			t.Errorf("%s: %q", key, got)
		}
	}
	b.share.Fetch([]byte("none"))
	if b.share.Fetches([]byte("none")) && b.share.Status().Fetches["absent"] == 0 {
		t.Error("a key that Redis lacks is looked up again")
	}
	got := b.share.Status()
	if got.Fetches["found"] != 4 || got.Fetches["absent"] != 1 || got.Fetches["failed"] != 0 || got.FetchSeconds.Count() != 5 {
		t.Errorf("%+v", got.Fetches)
	}
}

// Counts and rates are the sum of those of all nodes, and those of a node that is gone are dropped.
func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url()})
	c := shared(t, "conn_cur", "conn_rate(1h)", "gpc(2)")
	var nodes []*member
	for range 3 {
		nodes = append(nodes, join(t, store, c))
	}
	for i, m := range nodes {
		m.awaitConnected()
		ref, _ := m.table.Track([]byte("client"))
		ref.Do(func(r tables.Row) {
			r.Add(tables.ConnCurrent, 0, int64(i+1))
			r.Add(tables.ConnRate, 0, 10)
			r.Add(tables.GPC1, 0, 5)
		})
		t.Cleanup(ref.Release)
	}
	sums := func(m *member, current, rate, general int64) func() bool {
		return func() bool {
			return m.value("client", tables.ConnCurrent) == current && m.value("client", tables.ConnRate) == rate && m.value("client", tables.GPC1) == general
		}
	}
	for _, m := range nodes {
		programs.Until(t, "the values are sums", sums(m, 6, 30, 15))
	}
	late := join(t, store, c)
	programs.Until(t, "a node that joins has the sums", sums(late, 6, 30, 15))
	nodes[0].share.Close() // it says so
	programs.Until(t, "the others drop what it has counted", sums(nodes[2], 5, 20, 10))
	programs.Until(t, "so does the last one", sums(late, 5, 20, 10))
	late.table.Update([]byte("client"), func(r tables.Row) { r.Add(tables.ConnRate, 0, 1) })
	programs.Until(t, "what the last one counts is seen", sums(nodes[2], 5, 21, 10))
}

// What a node counts is dropped when it is silent, though it has not said that it ends.
func TestSilentNode(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url()})
	c := shared(t, "conn_cur")
	a := join(t, store, c)
	a.awaitConnected()
	record, _ := recordOf(c, func(r tables.Row) { r.Set(tables.ConnCurrent, 0, 9) })
	message := appendChange(messageHead(changes, "dead", "node"), change{key: "client", parts: hasCounts, counts: string(record)})
	s.client().Publish(t.Context(), a.share.keys.channel(), message)
	programs.Until(t, "its count is added", func() bool { return a.value("client", tables.ConnCurrent) == 9 })
	programs.Until(t, "its count is dropped", func() bool { return a.value("client", tables.ConnCurrent) == 0 })
}

// recordOf returns the record of an entry.
func recordOf(c tables.Config, f func(tables.Row)) (record, state []byte) {
	tables.New(c).Update([]byte("k"), func(r tables.Row) {
		f(r)
		record, _ = newRecord(c, r, false)
		state, _ = newRecord(c, r, true)
	})
	return record, state
}

// Entries that are cleared on one node are dropped everywhere.
func TestForget(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url()})
	c := shared(t, "server_id")
	a, b := join(t, store, c), join(t, store, c)
	a.awaitConnected()
	b.awaitConnected()
	a.store("x", "s1")
	programs.Until(t, "both have it", func() bool { return b.server("x") == "s1" })
	stick.Clear(a.table, stick.Filter{}, a.share)
	programs.Until(t, "neither has it", func() bool { return a.table.Len() == 0 && b.table.Len() == 0 })
	client := s.client()
	programs.Until(t, "nor does Redis", func() bool {
		if client.Exists(context.Background(), a.share.keys.entry([]byte("x"))).Val() == 0 {
			return true
		}
		a.share.Forget([][]byte{[]byte("x")}) // a node that has just joined may write it once more
		return false
	})
}

// Each node goes on while Redis is gone, and they agree once it is back, though it has lost all.
func TestOutage(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url()})
	c := shared(t, "server_id", "gpc0")
	a, b := join(t, store, c), join(t, store, c)
	a.awaitConnected()
	b.awaitConnected()
	a.store("before", "s1")
	programs.Until(t, "both have it", func() bool { return b.server("before") == "s1" })
	s.kill()
	for _, m := range []*member{a, b} {
		programs.Until(t, "the node sees it", func() bool { return m.share.Status().State == stick.Unreachable })
		if m.share.Fetches([]byte("none")) {
			t.Error("a connection would wait for a Redis that is gone")
		}
	}
	const n = 2000
	for i := range n {
		for range 3 {
			a.store("a "+strconv.Itoa(i), "s1")
			b.store("b "+strconv.Itoa(i), "s2")
		}
	}
	a.table.Update([]byte("before"), func(r tables.Row) { r.Add(tables.GPC0, 0, 1) })
	if pending := a.share.Status().Pending; pending != n+1 {
		t.Errorf("%d changes are pending, want each entry once: %d", pending, n+1)
	}
	s.start()
	for _, m := range []*member{a, b} {
		programs.Until(t, "the nodes agree", func() bool { return m.table.Len() == 2*n+1 && m.value("before", tables.GPC0) == 1 })
		if got := m.share.Status(); got.State != stick.Connected || got.Outages != 1 {
			t.Errorf("%+v", got)
		}
	}
	late := join(t, store, c)
	programs.Until(t, "a node that joins learns what was there before", func() bool { return late.server("before") == "s1" && late.table.Len() == 2*n+1 })
}

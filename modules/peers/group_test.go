// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a process with a table.
type node struct {
	*Group
	name    string
	address string
	table   *tables.Table
	ln      net.Listener
}

// newNode returns a node that listens and knows no peers.
func newNode(t *testing.T, name string, c tables.Config) *node {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{name: name, ln: ln, address: ln.Addr().String(), table: tables.New(c)}
	n.Group = New(func(e Event) { t.Logf("%s: %s %s %v", name, e.Peer, e.What, e.Err) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go n.Accept(conn)
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
		n.Close()
	})
	return n
}

// configured returns the section of a node with its peers.
func (n *node) configured(others ...*node) Config {
	c := Config{Local: n.name, Tables: []Table{{Name: "t", Table: n.table}}}
	for _, o := range others {
		c.Peers = append(c.Peers, Peer{Name: o.name, Address: o.address, Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", o.address)
		}})
	}
	return c
}

func stores(t testing.TB, words ...string) (all []tables.Store) {
	t.Helper()
	for _, word := range words {
		s, err := tables.ParseStore(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func key(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// get returns a value of an entry, or -1.
func get(table *tables.Table, k []byte, d tables.Data, i int) (n int64) {
	n = -1
	table.View(k, func(r tables.Row) { n, _ = r.Get(d, i) })
	return n
}

// Entries that exist when a peer connects, and those that change later, come to all peers.
func TestGroup(t *testing.T) {
	t.Parallel()
	c := tables.Config{Type: tables.Integer, Size: 100_000, Expire: time.Hour, Store: stores(t, "conn_cnt", "server_id", "conn_rate(1h)")}
	a, b, d := newNode(t, "a", c), newNode(t, "b", c), newNode(t, "d", c)
	const n = 10_000
	for i := range n {
		a.table.Update(key(i), func(r tables.Row) {
			r.Set(tables.ConnCount, 0, int64(i))
			r.SetServer(fmt.Sprintf("s%d", i%300))
		})
	}
	a.Configure(a.configured(b, d))
	programs.Until(t, "a gives up learning", a.isUpToDate)
	b.Configure(b.configured(a, d))
	d.Configure(d.configured(a, b))
	for _, x := range []*node{b, d} {
		programs.Until(t, x.name+" learns all", func() bool { return x.table.Len() == n })
	}
	for i := range n {
		b.table.View(key(i), func(r tables.Row) {
			if count, _ := r.Get(tables.ConnCount, 0); count != int64(i) || r.Server() != fmt.Sprintf("s%d", i%300) {
				t.Fatalf("%d: %d, %s", i, count, r.Server())
			}
		})
	}
	d.table.Update(key(1), func(r tables.Row) {
		r.Set(tables.ConnCount, 0, 77)
		r.Add(tables.ConnRate, 0, 5)
	})
	for _, x := range []*node{a, b} {
		programs.Until(t, x.name+" has the change", func() bool {
			return get(x.table, key(1), tables.ConnCount, 0) == 77 && get(x.table, key(1), tables.ConnRate, 0) == 5
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

const (
	patience     = 10 * time.Second // for a proxy that does not answer
	afterFailure = 10 * time.Millisecond
)

var errWrongAnswer = errors.New("the answer is not what the server sends")

// A load makes connections to one proxy.
type load struct {
	hello   []byte // as captured
	proxy   *proxy
	server  *server
	lasting time.Duration
	many    int          // number of connections, for workloads that open many
	strace  string       // path of the program; empty: not installed
	stopped *atomic.Bool // by a signal from the user
}

// proxyHeader begins the connections to a proxy that accepts PROXY headers.
var proxyHeader = func() []byte {
	header := proxyprotocol.BeginV2(nil, netip.MustParseAddrPort("198.51.100.7:50676"), netip.MustParseAddrPort("192.0.2.1:443"))
	return header.End()
}()

// A client is one connection, and its counts.
type client struct {
	net.Conn
	tally tally
	buf   []byte
}

// dial connects, sends a hello and reads the answer into buf. The connection's deadline is later
// than the end of the workload.
func (l *load) dial(ctx context.Context, hello, buf []byte, life time.Duration) (net.Conn, error) {
	if l.proxy.accepts {
		hello = slices.Concat(proxyHeader, hello)
	}
	conn, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := converse(conn, hello, buf[:answerSize], life); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// connect connects to the proxy.
func (l *load) connect(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience, KeepAlive: -1}
	return dialer.DialContext(ctx, "tcp4", l.proxy.addr)
}

func converse(conn net.Conn, hello, buf []byte, life time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(life)); err != nil {
		return err
	}
	return exchange(conn, hello, buf, answer)
}

// exchange sends bytes and reads the expected answer.
func exchange(conn net.Conn, sent, got, want []byte) error {
	if _, err := conn.Write(sent); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errWrongAnswer
	}
	return nil
}

// open opens n connections and waits for the answer on each.
func (l *load) open(ctx context.Context, k kind, n, buffer int) ([]*client, error) {
	hello := helloOf(l.hello, k)
	clients := make([]*client, 0, n)
	for range n {
		buf := make([]byte, buffer)
		conn, err := l.dial(ctx, hello, buf, patience+l.lasting+patience)
		if err != nil {
			closeAll(clients)
			return nil, fmt.Errorf("opening a connection: %w", err)
		}
		clients = append(clients, &client{Conn: conn, buf: buf})
	}
	return clients, nil
}

func closeAll(clients []*client) {
	for _, c := range clients {
		c.Close()
	}
}

// A deadline tells workers when to finish the unit at hand and return.
type deadline struct {
	end     time.Time
	stopped *atomic.Bool
}

func (d deadline) over(now time.Time) bool {
	return !now.Before(d.end) || d.stopped.Load()
}

// during runs all workers at once for the duration of the workload, and measures the CPU time that
// the proxy spends meanwhile. Connections are closed afterwards, as closing costs CPU time, too.
func (l *load) during(workers []func(deadline)) (cpu, elapsed time.Duration, err error) {
	before, err := l.proxy.cpu()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	until := deadline{start.Add(l.lasting), l.stopped}
	var all sync.WaitGroup
	for _, work := range workers {
		all.Go(func() { work(until) })
	}
	all.Wait()
	elapsed = time.Since(start)
	after, err := l.proxy.cpu()
	if err != nil {
		return 0, 0, err
	}
	return after - before, elapsed, nil
}

// A unit makes a connection that has had its answer.
type unit func() (net.Conn, error)

// short returns the unit of short connections: connect, hello, answer.
func (l *load) short(ctx context.Context) unit {
	hello, buf := helloOf(l.hello, kindShort), make([]byte, answerSize)
	return func() (net.Conn, error) { return l.dial(ctx, hello, buf, patience) }
}

// repeat makes one connection after another, and closes each.
func (u unit) repeat(t *tally, goOn func(time.Time) bool) {
	for before := time.Now(); goOn(before); {
		conn, err := u()
		after := time.Now()
		if err != nil {
			t.fail(err)
			time.Sleep(afterFailure)
		} else {
			t.add(after.Sub(before))
			conn.Close()
		}
		before = time.Now()
	}
}

// roundTrips sends and waits for the echo, repeatedly. It returns when the connection breaks.
func (c *client) roundTrips(until deadline) {
	sent := bytes.Clone(answer)
	got := c.buf[:answerSize]
	for before := time.Now(); !until.over(before); {
		binary.BigEndian.PutUint64(sent, uint64(len(c.tally.took)))
		if err := exchange(c, sent, got, sent); err != nil {
			c.tally.fail(err)
			return
		}
		after := time.Now()
		c.tally.add(after.Sub(before))
		before = after
	}
}

// download asks the server to start, and reads what it sends.
func (c *client) download(until deadline) {
	if _, err := c.Write(answer[:1]); err != nil {
		c.tally.fail(err)
		return
	}
	if err := drain(c, c.buf, &c.tally, until.over); err != nil {
		c.tally.fail(err)
	}
}

// upload sends. It counts errors only: the server counts the bytes that arrive.
func (c *client) upload(until deadline) {
	for !until.over(time.Now()) {
		if _, err := c.Write(c.buf); err != nil {
			c.tally.fail(err)
			return
		}
	}
}

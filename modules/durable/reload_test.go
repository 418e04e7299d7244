// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

const (
	reloads  = 50
	interval = 20 * time.Millisecond
)

// serve answers each connection with one byte until ln is closed, with Accept or a taker.
func serve(ln net.Listener, answer byte) {
	if takes() {
		TakeBy(ln, func(conn *relay.Socket) {
			_, _ = conn.Write([]byte{answer})
			conn.Close()
		})
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = conn.Write([]byte{answer})
			conn.Close()
		}()
	}
}

// load connects to addr from 16 loops until stop is called, which returns the number of connections
// that got their byte, and the errors of the others.
func load(addr string) (stop func() (ok int64, lost []error)) {
	return loadBy(func() (byte, error) { return ask(addr) })
}

// loadBy works like load, with connections made by ask.
func loadBy(ask func() (byte, error)) (stop func() (ok int64, lost []error)) {
	var n atomic.Int64
	var mu sync.Mutex
	var lost []error
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := ask(); err != nil {
					mu.Lock()
					lost = append(lost, err)
					mu.Unlock()
					continue
				}
				n.Add(1)
			}
		})
	}
	return func() (int64, []error) {
		cancel()
		wg.Wait()
		return n.Load(), lost
	}
}

// ask connects to an address of this package and reads the answer.
func ask(addr string) (byte, error) {
	network, to := "tcp", strings.TrimPrefix(addr, "durable/")
	if path, ok := strings.CutPrefix(to, "unix/"); ok {
		network, to = "unix", path
	}
	conn, err := net.DialTimeout(network, to, patience)
	if err != nil {
		return 0, err
	}
	return answerOf(conn)
}

// answerOf returns the byte that a client gets, and closes the connection.
func answerOf(conn net.Conn) (byte, error) {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if tcp, ok := conn.(*net.TCPConn); ok { // a reset saves TIME_WAIT, which would use up the ports
		_ = tcp.SetLinger(0)
	}
	var b [1]byte
	_, err := io.ReadFull(conn, b[:])
	return b[0], err
}

func report(t *testing.T, ok int64, lost []error) {
	t.Helper()
	t.Logf("%d reloads, %d connections served, %d lost", reloads, ok, len(lost))
	if len(lost) > 0 {
		t.Errorf("lost %d connections, the first: %v", len(lost), lost[0])
	}
	if ok == 0 {
		t.Error("no connection was served")
	}
}

// TestReloadModel replaces a listener as a reload does: the new user attaches and
// serves, then the old one closes.
func TestReloadModel(t *testing.T) {
	eachWay(t, testReloadModel, byAccept, mixed)
}

func testReloadModel(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, port int) net.Listener{
		"direct": func(t *testing.T, port int) net.Listener { return open(t, port) },
		"caddy": func(t *testing.T, port int) net.Listener {
			addr := caddy.NetworkAddress{Network: "durable", Host: "127.0.0.1", StartPort: uint(port), EndPort: uint(port)}
			ln, err := addr.Listen(t.Context(), 0, net.ListenConfig{})
			if err != nil {
				t.Fatal(err)
			}
			return ln.(net.Listener)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ln := next(t, 0)
			go serve(ln, 1)
			stop := load(ln.Addr().String())
			for range reloads {
				time.Sleep(interval)
				newer := next(t, portOf(ln))
				go serve(newer, 1)
				if err := ln.Close(); err != nil {
					t.Error(err)
				}
				ln = newer
			}
			ok, lost := stop()
			ln.Close()
			report(t, ok, lost)
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unansweredServer returns a server whose kernel answers no SYN until listen is called.
func unansweredServer(t *testing.T) (at netip.AddrPort, listen func()) {
	t.Helper()
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	ln, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		none := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &none[0]})
	})
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(ln.Addr().String()), func() {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) })
		go func() {
			if c, err := ln.Accept(); err == nil {
				_, _ = io.Copy(c, c)
				c.Close()
			}
		}()
	}
}

// The kernel sends the next SYN after a second.
func TestArrivalConnectsLate(t *testing.T) {
	t.Parallel()
	at, listen := unansweredServer(t)
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: connectTo(at), Connected: relayMinute})
	client := arrive(t, g)
	send(t, client, "hello")
	g.expect(t, Received)
	send(t, client, ", world")
	listen()
	g.expect(t, Connected)
	client.CloseWrite()
	receiveEnd(t, client, "hello, world")
	check(t, <-g.result, Client, Closed, 12, 12)
}

func TestArrivalConnectTakesTooLong(t *testing.T) {
	t.Parallel()
	at, _ := unansweredServer(t)
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: func(g *scriptedHandler, _ News) Step {
		return Step{Do: Connect, To: at, First: g.hello, Timeout: 20 * time.Millisecond}
	}})
	send(t, arrive(t, g), "hello")
	g.expect(t, Received)
	var timeout net.Error
	if n := g.expect(t, Refused); !errors.As(n.Err, &timeout) || !timeout.Timeout() {
		t.Errorf("refused by %v, want a timeout", n.Err)
	}
	check(t, <-g.result, Proxy, Closed, 0, 0)
}

// A reset of the client while connecting takes long counts as leaving; a FIN does so only with
// AbortOnClose.
func TestArrivalLeavesWhileConnecting(t *testing.T) {
	t.Parallel()
	at, _ := unansweredServer(t)
	for name, leave := range map[string]func(*net.TCPConn){
		"reset": func(c *net.TCPConn) { reset(t, c) },
		"fin":   func(c *net.TCPConn) { c.CloseWrite() },
	} {
		g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: func(g *scriptedHandler, _ News) Step {
			return Step{Do: Connect, To: at, First: g.hello, AbortOnClose: name == "fin"}
		}})
		client, began := arrive(t, g), time.Now()
		send(t, client, "hello")
		g.expect(t, Received)
		leave(client)
		n := g.expect(t, Left)
		if errors.Is(n.Err, syscall.ECONNRESET) != (name == "reset") {
			t.Errorf("%s: left by %v", name, n.Err)
		}
		if took := time.Since(began); took < slowConnect {
			t.Errorf("%s: noticed after %v", name, took)
		}
		check(t, <-g.result, Proxy, Closed, 0, 0)
	}
}

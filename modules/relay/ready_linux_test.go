// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// readyPair returns a connection to a server, as Dial makes it, and the server's end.
func readyPair(t *testing.T) (ready *Socket, server *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := Dial(netip.MustParseAddrPort(ln.Addr().String()), DialOptions{Timeout: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); accepted.Close() })
	return c.(*Socket), accepted.(*net.TCPConn)
}

// awaitClosed ends a server's side, and waits until the ready connection knows.
func awaitClosed(t *testing.T, ready *Socket, end func() error) {
	t.Helper()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	for over := time.Now().Add(time.Minute); IsOpen(ready); time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("a closed connection counts as open")
		}
	}
}

func TestIsOpen(t *testing.T) {
	ready, server := readyPair(t)
	if !IsOpen(ready) {
		t.Error("an open connection counts as closed")
	}
	send(t, server, "welcome")
	time.Sleep(10 * time.Millisecond)
	if !IsOpen(ready) {
		t.Error("a server that speaks first counts as closed")
	}
	got := make([]byte, 7)
	if _, err := io.ReadFull(ready, got); err != nil || string(got) != "welcome" {
		t.Errorf("%q, %v: the bytes are gone", got, err)
	}
	awaitClosed(t, ready, server.Close)
	reset, server := readyPair(t)
	_ = server.SetLinger(0)
	awaitClosed(t, reset, server.Close)
	ready.Close()
	if IsOpen(ready) {
		t.Error("closed here, it counts as open")
	}
}

// A session uses the ready connection, without another one to the address.
func TestArrivalUsesReady(t *testing.T) {
	ready, server := readyPair(t)
	g := newGuide(5, map[Event]func(*scriptedHandler, News) Step{
		Received: func(g *scriptedHandler, _ News) Step {
			return Step{Do: Connect, To: netip.MustParseAddrPort("127.0.0.1:1"), First: g.hello, Ready: ready}
		},
		Connected: relayMinute,
	})
	client := arrive(t, g)
	send(t, client, "hello")
	g.expect(t, Received)
	g.expect(t, Connected)
	got := make([]byte, 12)
	if _, err := io.ReadFull(server, got[:5]); err != nil || string(got[:5]) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	send(t, client, ", world")
	send(t, server, "answer")
	if _, err := io.ReadFull(server, got[:7]); err != nil || string(got[:7]) != ", world" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := io.ReadFull(client, got[:6]); err != nil || string(got[:6]) != "answer" {
		t.Errorf("%q, %v", got, err)
	}
	client.Close()
	server.Close()
	<-g.result
}

// If the ready connection is closed by then, the session connects to the address.
func TestArrivalWithoutReady(t *testing.T) {
	at := echo(t)
	ready, server := readyPair(t)
	_ = server.SetLinger(0)
	awaitClosed(t, ready, server.Close)
	g := newGuide(5, map[Event]func(*scriptedHandler, News) Step{
		Received: func(g *scriptedHandler, _ News) Step {
			return Step{Do: Connect, To: at, First: g.hello, Ready: ready}
		},
		Connected: relayMinute,
	})
	client := arrive(t, g)
	send(t, client, "hello")
	g.expect(t, Received)
	g.expect(t, Connected)
	got := make([]byte, 5)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	client.Close()
	<-g.result
}

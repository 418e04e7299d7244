// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// listenRaw returns a listening socket for Accept.
func listenRaw(t testing.TB) (fd int, at netip.AddrPort) {
	t.Helper()
	return listenRawOn(t, 1)
}

// listenRawOn is listenRaw on 127.0.0.n. When a listening socket is shut down, the kernel may give
// its port to another one on the same address: a test that shuts down its socket has an address of
// its own.
func listenRawOn(t testing.TB, n byte) (fd int, at netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, n}}), unix.Listen(fd, 16)); err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, addrPort(address)
}

// socketPair returns the two ends of a connection between two Sockets.
func socketPair(t testing.TB, o DialOptions, first []byte) (dialed, accepted *Socket) {
	t.Helper()
	listening, at := listenRaw(t)
	return connectRaw(t, listening, at, o, first)
}

// connectRaw connects to a listening socket and returns both ends.
func connectRaw(t testing.TB, listening int, at netip.AddrPort, o DialOptions, first []byte) (dialed, accepted *Socket) {
	t.Helper()
	c, err := Dial(at, o, first)
	if err != nil {
		t.Fatal(err)
	}
	for {
		accepted, err = Accept(uintptr(listening), nil)
		if !errors.Is(err, unix.EAGAIN) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Socket), accepted
}

// A Socket behaves like the connections of package net.
func TestSocketIsAConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		dialed, accepted := socketPair(t, DialOptions{}, nil)
		return dialed, accepted, func() { dialed.Close(); accepted.Close() }, nil
	})
}

func TestSocketAddresses(t *testing.T) {
	dialed, accepted := socketPair(t, DialOptions{}, nil)
	defer accepted.Close()
	if dialed.LocalAddr().String() != accepted.RemoteAddr().String() || dialed.RemoteAddr().String() != accepted.LocalAddr().String() {
		t.Errorf("from %v to %v, accepted from %v at %v", dialed.LocalAddr(), dialed.RemoteAddr(), accepted.RemoteAddr(), accepted.LocalAddr())
	}
	dialed.Close()
	if err := dialed.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SetDeadline after Close: %v", err)
	}
	if err := dialed.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
}

// The first bytes arrive before bytes that are written later.
func TestDialSendsFirst(t *testing.T) {
	dialed, accepted := socketPair(t, DialOptions{KeepAlive: true, Timeout: time.Minute}, []byte("hello "))
	defer dialed.Close()
	defer accepted.Close()
	if dialed.sent != len("hello ") { // on loopback it is connected at once
		t.Errorf("%d bytes are sent", dialed.sent)
	}
	send(t, dialed, "and more")
	receive(t, accepted, "hello and more")
	for option, want := range map[int]int{unix.SO_KEEPALIVE: 1, unix.SO_ERROR: 0} {
		if got, err := unix.GetsockoptInt(dialed.fd, unix.SOL_SOCKET, option); err != nil || got != want {
			t.Errorf("option %d is %d (%v), want %d", option, got, err, want)
		}
	}
}

func TestDialFails(t *testing.T) {
	to := programs.Refusing(t)
	for _, first := range []string{"", "hello"} {
		_, err := Dial(to, DialOptions{Timeout: time.Minute}, []byte(first))
		want := "dial tcp " + to.String() + ": connect: connection refused"
		if !errors.Is(err, syscall.ECONNREFUSED) || err.Error() != want {
			t.Errorf("first %q: %v, want %s", first, err, want)
		}
	}
}

// Bytes that came before a deadline are read after it, once: the process may have been stopped in
// between. A deadline in the past stops all reading.
func TestReadsOnceAfterADeadline(t *testing.T) {
	dialed, accepted := socketPair(t, DialOptions{}, nil)
	defer dialed.Close()
	defer accepted.Close()
	send(t, dialed, "in time")
	_ = accepted.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	time.Sleep(40 * time.Millisecond)
	receive(t, accepted, "in time")
	send(t, dialed, "late")
	if n, err := accepted.Read(make([]byte, 10)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the second time: %d bytes and %v", n, err)
	}
	_ = accepted.SetReadDeadline(time.Now().Add(-time.Second))
	if n, err := accepted.Read(make([]byte, 10)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a deadline in the past: %d bytes and %v", n, err)
	}
	_ = accepted.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	receive(t, accepted, "late")
	if n, err := accepted.Read(make([]byte, 10)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing comes: %d bytes and %v", n, err)
	}
}

// Bytes that come between a read without result and the first wait for more are not overlooked,
// even if the socket is watched for something else already.
func TestFirstWaitOfAWatchedSocket(t *testing.T) {
	dialed, accepted := socketPair(t, DialOptions{}, nil)
	defer dialed.Close()
	defer accepted.Close()
	accepted.mu.Lock()
	err := accepted.watch(&accepted.out)
	accepted.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	send(t, dialed, "x")
	time.Sleep(50 * time.Millisecond) // usually the shard has seen it by then
	looks := make(chan error, 1)
	go func() { looks <- accepted.wait(&accepted.in) }()
	select {
	case err := <-looks:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the wait does not end")
	}
}

// A connection that was established in time succeeds, even if that is noticed after the timeout.
func TestConnectedInTimeIsNoTimeout(t *testing.T) {
	listening, at := listenRaw(t)
	s := &Socket{remote: net.TCPAddrFromAddrPort(at)}
	fd, err := newSocket(at)
	if err != nil {
		t.Fatal(err)
	}
	s.fd = fd
	defer s.Close()
	if err := connect(fd, at); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := Accept(uintptr(listening), nil)
		if err == nil {
			defer c.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := s.awaitDial(&DialOptions{Timeout: 1}, nil); err != nil {
		t.Errorf("connected, but %v", err)
	}
}

// A server and a client that calls have waited for are watched by one shard, which the session goes
// to.
func TestSessionOfWatchedSockets(t *testing.T) {
	for _, c := range []struct{ name, client, server string }{
		{"both", "watched", "watched"}, {"client", "watched", ""}, {"server", "", "watched"}, {"neither", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			far, client := socketPair(t, DialOptions{}, nil)
			defer far.Close()
			if c.client != "" {
				_ = client.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
				if _, err := client.Read(make([]byte, 1)); err == nil {
					t.Fatal("it has read something")
				}
				_ = client.SetReadDeadline(time.Time{})
			}
			server, origin := socketPair(t, DialOptions{Client: client}, []byte("hello"))
			defer origin.Close()
			if c.server != "" {
				server.mu.Lock()
				err := server.watch(&server.out)
				server.mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
			}
			send(t, far, " and more")
			send(t, origin, "greeting")
			s, w := new(Session), newOwner()
			if s.Start(client, server, []byte("hello"), new(Options), w) != nil {
				t.Fatal("it is copied")
			}
			receive(t, origin, "hello and more")
			receive(t, far, "greeting")
			far.Close()
			receiveEnd(t, origin, "")
			origin.Close()
			check(t, <-w.result, Client, Closed, 14, 8)
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// takeOnly gives ln a taker that counts connections and closes them.
func takeOnly(t *testing.T, ln net.Listener) *atomic.Int64 {
	t.Helper()
	n := new(atomic.Int64)
	if !TakeBy(ln, func(s *relay.Socket) { n.Add(1); s.Close() }) {
		t.Fatal("it is no durable listener")
	}
	return n
}

// A connection goes to the taker of the active listener, whatever the users before and after it do;
// when the next one becomes active, its taker gets the connections queued for Accept.
func TestTakerFollowsActiveListener(t *testing.T) {
	first := open(t, 0)
	port := portOf(first)
	var waiting []net.Conn
	for range 5 {
		waiting = append(waiting, dial(t, first))
	}
	second := openLater(t, port)
	byFirst, bySecond := new(atomic.Int64), takeOnly(t, second)
	eventually(t, "the first has some in flight", func() bool { return first.(*listener).sock.inFlight.Load() == 5 })
	if n := bySecond.Load(); n != 0 {
		t.Fatalf("%d taken out of turn", n)
	}
	conn, err := first.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	first.Close()
	eventually(t, "the queued connections are taken", func() bool { return bySecond.Load() == 4 })
	dial(t, second)
	eventually(t, "the next is taken", func() bool { return bySecond.Load() == 5 })

	third := openLater(t, port)
	second.Close()
	_ = TakeBy(first, func(*relay.Socket) { byFirst.Add(1) })
	dial(t, third)
	if conn, err = third.Accept(); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	byThird := takeOnly(t, third)
	dial(t, third)
	eventually(t, "the taker follows Accept", func() bool { return byThird.Load() == 1 })
	third.Close()
	if n := [3]int64{byFirst.Load(), bySecond.Load(), byThird.Load()}; n != [3]int64{0, 5, 1} {
		t.Errorf("taken: %v", n)
	}
	for _, ln := range []net.Listener{first, second, third} {
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
	}
	noneInFlight(t, first.(*listener).sock)
	for _, conn := range waiting {
		conn.Close()
	}
}

// The taker of the last user gets all queued connections before Close returns.
func TestLastCloseDrainsIntoTaker(t *testing.T) {
	for range 20 {
		ln := open(t, 0)
		n := takeOnly(t, ln)
		for range 50 {
			dial(t, ln)
		}
		ln.Close()
		if got := n.Load(); got != 50 {
			t.Fatalf("%d of 50 taken", got)
		}
	}
}

// The shards share a burst of queued connections, and no descriptor stays open.
func TestTakerBurst(t *testing.T) {
	const burst = 1500
	before := descriptorsOpen(t)
	ln := open(t, 0)
	var n atomic.Int64
	done := make(chan struct{})
	fds := make([]int, burst)
	to := &unix.SockaddrInet4{Port: portOf(ln), Addr: [4]byte{127, 0, 0, 1}}
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, to)
		}
		if err != nil {
			t.Fatal(err)
		}
		fds[i] = fd
	}
	TakeBy(ln, func(s *relay.Socket) {
		s.Close()
		if n.Add(1) == burst {
			close(done)
		}
	})
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%d of %d taken", n.Load(), burst)
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	ln.Close()
	eventually(t, "all descriptors are closed", func() bool { return descriptorsOpen(t) <= before+16 })
}

func descriptorsOpen(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Takers set before there is a listener belong to one app of one configuration, which may be
// refused.
func TestTakeFor(t *testing.T) {
	address := programs.Address(t)
	at, err := caddy.ParseNetworkAddress("durable/" + address)
	if err != nil {
		t.Fatal(err)
	}
	TakeFor(t.Context(), new(answerApp), at, func(s *relay.Socket) { s.Close() })
	for _, c := range []struct {
		app  string
		fail bool
		want byte
	}{
		{app: `"answer": 1, "taken": 2`, want: 2},
		{app: `"answer": 3`, want: 3},
		{app: `"answer": 4, "taken": 5, "fail": true`, fail: true, want: 3},
		{app: `"answer": 6, "taken": 7`, want: 7},
		{app: `"answer": 8, "taken": 9`, want: 9},
	} {
		if err := loadAnswer(fmt.Sprintf(`{"listen": "durable/%s", %s}`, address, c.app)); (err != nil) != c.fail {
			t.Fatal(c.app, err)
		}
		for range 20 {
			if got, err := ask(address); err != nil || got != c.want {
				t.Fatalf("%s: the answer is %d (%v), want %d", c.app, got, err, c.want)
			}
		}
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "takers are forgotten with their configuration", func() bool {
		left := 0
		takers.Range(func(any, any) bool { left++; return true })
		return left == 1
	})
}

// A panic in a taker ends only its connection.
func TestTakerPanics(t *testing.T) {
	ln := open(t, 0)
	var n atomic.Int64
	TakeBy(ln, func(s *relay.Socket) {
		if n.Add(1)%2 == 1 {
			panic("asked to panic")
		}
		s.Close()
	})
	for range 10 {
		if _, err := dial(t, ln).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if n.Load() != 10 {
		t.Errorf("%d of 10 taken", n.Load())
	}
	noneInFlight(t, ln.(*listener).sock)
}

// Users that share an address in one configuration get connections in rotation, with and without
// takers.
func TestSharedListenersRotate(t *testing.T) {
	a := open(t, 0)
	b, c := open(t, portOf(a)), open(t, portOf(a))
	s := a.(*listener).sock
	s.mu.Lock()
	for _, l := range s.listeners {
		l.active = true // as if of one configuration
	}
	s.mu.Unlock()
	byA, byB := takeOnly(t, a), takeOnly(t, b)
	byC, end := accepting(c)
	const clients = 300
	for range clients {
		if _, err := dial(t, a).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	got := []int64{byA.Load(), byB.Load(), byC.Load()}
	if got[0]+got[1]+got[2] != clients || slices.Min(got) < clients/6 {
		t.Errorf("shares %v", got)
	}
	c.Close()
	waitEnd(t, end)
}

// The taker of a pair gets connections of both sockets, which are marked as dual. Connections of a
// Unix socket all come by Accept.
func TestTakerOfPairAndUnix(t *testing.T) {
	needIPv6(t)
	both, err := openFamily(t, "durable", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	socks := make(chan *relay.Socket, 2)
	TakeBy(both, func(s *relay.Socket) { socks <- s })
	for _, host := range []string{"127.0.0.1", "::1"} {
		client, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(portOf(both))))
		if err != nil {
			t.Fatal(err)
		}
		s := <-socks
		if !s.Dual() || s.RemoteAddr().String() != client.LocalAddr().String() || s.LocalAddr().String() != client.RemoteAddr().String() {
			t.Errorf("taken from %v at %v, dual: %t; want %v at %v", s.RemoteAddr(), s.LocalAddr(), s.Dual(), client.LocalAddr(), client.RemoteAddr())
		}
		s.Close()
		client.Close()
	}

	path := filepath.Join(t.TempDir(), "s")
	got, err := listen(t.Context(), "durable", "unix/"+path, "0", 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ln := got.(net.Listener)
	defer ln.Close()
	n := takeOnly(t, ln)
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil || n.Load() != 0 {
		t.Fatalf("%v, %d taken", err, n.Load())
	}
	conn.Close()

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if TakeBy(plain, func(*relay.Socket) {}) {
		t.Error("a plain listener has a taker")
	}
}

// A listening socket that is shut down under a taker is lost, as it is under Accept.
func TestTakerLosesSocket(t *testing.T) {
	ln := open(t, 0)
	n := takeOnly(t, ln)
	dial(t, ln)
	eventually(t, "it is taken", func() bool { return n.Load() == 1 })
	if err := ln.(*listener).sock.kernel.(*tcpKernel).do(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }); err != nil {
		t.Fatal(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Accept: %v, want the socket's error", err)
	}
	again := open(t, portOf(ln))
	serveOne(t, again)
}

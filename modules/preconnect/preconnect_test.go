// SPDX-License-Identifier: Apache-2.0

package preconnect

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func TestMain(m *testing.M) {
	// Relay's shards run as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddy-passthrough/caddy-passthrough/modules/relay.(*shard).run"))
}

// target of tests: a listener that counts its connections and may close them.
type listener struct {
	t    *testing.T
	ln   net.Listener
	at   netip.AddrPort
	room atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	total int
}

func listen(t *testing.T) *listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t: t, ln: ln, at: ln.Addr().(*net.TCPAddr).AddrPort()}
	l.room.Store(-1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.conns, l.total = append(l.conns, c), l.total+1
			l.mu.Unlock()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-over; l.closeAll() })
	return l
}

// closeAll closes the server's connections, and returns how many there were.
func (l *listener) closeAll() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.conns)
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
	return n
}

func (l *listener) accepted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

func (l *listener) server(name string) Server {
	return Server{
		Name: name, Room: func() int { return int(l.room.Load()) },
		Connect: func(done <-chan struct{}) (net.Conn, error) {
			return relay.Dial(l.at, relay.DialOptions{Timeout: time.Minute, Cancel: done}, nil)
		},
	}
}

func start(t *testing.T, c Config, before *Keeper) *Keeper {
	t.Helper()
	k := Start(c, before, func(string) bool { return true })
	t.Cleanup(k.Stop)
	return k
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for over := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("still waiting for " + what)
		}
	}
}

// Connections are made before they are asked for, and taken ones are replaced.
func TestKeeps(t *testing.T) {
	l := listen(t)
	k := start(t, Config{Count: 3, MaxAge: time.Hour, Servers: []Server{l.server("a")}}, nil)
	await(t, "3 connections", func() bool { return k.Ready("a") == 3 })
	if k.Take("b") != nil || k.Ready("b") != 0 {
		t.Error("a server that is not kept has a connection")
	}
	for range 10 {
		await(t, "a connection", func() bool { return k.Ready("a") > 0 })
		c := k.Take("a")
		if c == nil {
			t.Fatal("none is ready")
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	await(t, "3 connections again", func() bool { return k.Ready("a") == 3 })
	if n := l.accepted(); n != 13 {
		t.Errorf("%d connections, want 13", n)
	}
	k.Stop()
	if k.Ready("a") != 0 || k.Take("a") != nil {
		t.Error("connections are ready after Stop")
	}
	var none *Keeper
	none.Stop()
	if none.Take("a") != nil || none.Ready("a") != 0 {
		t.Error("no Keeper has a connection")
	}
}

// A connection that the server has closed is not handed out, and is replaced.
func TestNoticesClosed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems notice when they use the connection")
	}
	l := listen(t)
	k := start(t, Config{Count: 4, MaxAge: time.Hour, Servers: []Server{l.server("a")}}, nil)
	await(t, "4 connections", func() bool { return k.Ready("a") == 4 && l.accepted() == 4 })
	l.closeAll()
	await(t, "the FINs", func() bool {
		for _, c := range k.targets["a"].ready {
			if relay.IsOpen(c.Conn) {
				return false
			}
		}
		return true
	})
	if k.Take("a") != nil {
		t.Error("a closed connection was handed out")
	}
	var c net.Conn
	await(t, "a new one", func() bool { c = k.Take("a"); return c != nil })
	defer c.Close()
	if !relay.SendFirst(c, []byte("hello")) {
		t.Error("it cannot be used")
	}
}

// A server that is down, or full, has no connections ready, and gets them back.
func TestRoom(t *testing.T) {
	l := listen(t)
	k := start(t, Config{Count: 4, MaxAge: time.Hour, Servers: []Server{l.server("a")}}, nil)
	await(t, "4 connections", func() bool { return k.Ready("a") == 4 })
	for _, room := range []int64{2, 0, 4} {
		l.room.Store(room)
		await(t, "the connections that there is room for", func() bool { return k.Ready("a") == int(room) })
	}
}

// Connections are replaced when they are too old, and earlier if the server closes them earlier.
func TestAge(t *testing.T) {
	now := time.Now()
	x := &target{life: 8 * time.Second, maxAge: 8 * time.Second}
	aged := func(age time.Duration) connection {
		c, other := net.Pipe()
		t.Cleanup(func() { other.Close() })
		return connection{c, now.Add(-age), now.Add(8*time.Second - age)}
	}
	x.drop(aged(4*time.Second), now)
	if x.life != 3*time.Second || x.pause != 0 {
		t.Errorf("the server has closed one after 4 s: they last %v, after a pause of %v", x.life, x.pause)
	}
	for range 6 {
		x.drop(aged(9*time.Second), now)
	}
	if x.life != x.maxAge {
		t.Errorf("they have lasted: %v", x.life)
	}
	x.drop(aged(100*time.Millisecond), now)
	if x.life != minLife || x.pause != minPause {
		t.Errorf("the server closes at once: they last %v, after a pause of %v", x.life, x.pause)
	}
}

// Failed connects are followed by pauses that grow, with one attempt after each.
func TestPauses(t *testing.T) {
	now := time.Now()
	fails := true
	x := &target{Server: &Server{Room: func() int { return -1 }, Connect: func(<-chan struct{}) (net.Conn, error) {
		if fails {
			return nil, errors.New("refused")
		}
		c, other := net.Pipe()
		t.Cleanup(func() { other.Close() })
		return c, nil
	}}, life: time.Hour, maxAge: time.Hour}
	if n := x.lack(5, now); n != 5 {
		t.Fatalf("%d are missing, want 5", n)
	}
	for range 5 {
		x.connect(nil)
	}
	if n := x.lack(5, time.Now()); n != 0 || x.pause != minPause {
		t.Errorf("%d are to be made within a pause of %v", n, x.pause)
	}
	fails = false
	later := time.Now().Add(time.Minute)
	if n := x.lack(5, later); n != 1 {
		t.Errorf("%d are to be made after a pause, want 1", n)
	}
	x.connect(nil)
	if n := x.lack(5, later); n != 4 {
		t.Errorf("%d are to be made after a success, want 4", n)
	}
	x.connecting = 0
	x.close()
}

// The next Keeper takes over what the one before has ready.
func TestHandsOver(t *testing.T) {
	l := listen(t)
	c := Config{Count: 3, MaxAge: time.Hour, Servers: []Server{l.server("a")}}
	first := start(t, c, nil)
	await(t, "3 connections", func() bool { return first.Ready("a") == 3 && l.accepted() == 3 })
	next := start(t, c, first)
	if first.Take("a") != nil || next.Ready("a") != 3 {
		t.Errorf("%d are ready after the change, want 3", next.Ready("a"))
	}
	first.Stop()
	conn := next.Take("a")
	if conn == nil || !relay.IsOpen(conn) {
		t.Fatal("the first Keeper has closed it")
	}
	conn.Close()
	if n := l.accepted(); n > 4 {
		t.Errorf("%d connections were made, want 3, and one in the place of the one taken", n)
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// scriptedHandler reads helloSize bytes, then answers each event by the function in then.
type scriptedHandler struct {
	*owner
	s         Session
	helloSize int
	until     time.Time // of the first Await
	then      map[Event]func(g *scriptedHandler, n News) Step
	room      [4096]byte
	hello     []byte
	news      chan News
}

func newGuide(whole int, then map[Event]func(g *scriptedHandler, n News) Step) *scriptedHandler {
	return &scriptedHandler{owner: newOwner(), helloSize: whole, then: then, news: make(chan News, 100)}
}

func (g *scriptedHandler) Buffer() []byte { return g.room[:] }

func (g *scriptedHandler) Next(n News) Step {
	if n.Event == Arrived && g.then[Arrived] == nil {
		return Step{Until: g.until}
	}
	g.news <- n
	if n.Event == Received {
		if g.hello = append(g.hello, g.room[:n.N]...); len(g.hello) < g.helloSize {
			return Step{}
		}
	}
	if then := g.then[n.Event]; then != nil {
		return then(g, n)
	}
	return Step{Do: Close}
}

// expect waits for the handler's next event.
func (g *scriptedHandler) expect(t *testing.T, want Event) News {
	t.Helper()
	select {
	case n := <-g.news:
		if n.Event != want {
			t.Fatalf("event %d (%v), want %d", n.Event, n.Err, want)
		}
		return n
	case <-time.After(time.Minute):
		t.Fatalf("event %d does not come", want)
	}
	return News{}
}

func connectTo(at netip.AddrPort) func(g *scriptedHandler, _ News) Step {
	return func(g *scriptedHandler, _ News) Step { return Step{Do: Connect, To: at, First: g.hello} }
}

func relayMinute(*scriptedHandler, News) Step {
	return Step{Do: Relay, Options: &Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}}
}

// arrive connects a client over loopback, and begins its session.
func arrive(t testing.TB, g *scriptedHandler) (client *net.TCPConn) {
	t.Helper()
	client, come := connectClient(t, g)
	come()
	return client
}

// connectClient does the same in two steps: it connects a client, and come begins its session.
func connectClient(t testing.TB, g *scriptedHandler) (client *net.TCPConn, come func()) {
	t.Helper()
	listening, at := listenRaw(t)
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn), func() {
		var s *Socket
		for err = unix.EAGAIN; errors.Is(err, unix.EAGAIN); {
			s, err = Accept(uintptr(listening), nil)
		}
		if err == nil {
			err = g.s.Arrive(s, g)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// echo starts a server that sends back what it receives.
func echo(t testing.TB) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return netip.MustParseAddrPort(ln.Addr().String())
}

func TestArrivalOverTCP(t *testing.T) {
	at := echo(t)
	g := newGuide(10, map[Event]func(*scriptedHandler, News) Step{Received: connectTo(at), Connected: relayMinute})
	g.until = time.Now().Add(time.Minute)
	client := arrive(t, g)
	send(t, client, "hello")
	g.expect(t, Received)
	send(t, client, " world, and more")
	receive(t, client, "hello world, and more")
	g.expect(t, Received)
	g.expect(t, Connected)
	send(t, client, "!")
	client.CloseWrite()
	receiveEnd(t, client, "!")
	check(t, <-g.result, Client, Closed, 22, 22)
}

// One server after another refuses; the last one does not.
func TestArrivalTriesAgain(t *testing.T) {
	refusing := programs.Refusing(t)
	at, tries := echo(t), 0
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: connectTo(refusing), Connected: relayMinute, Refused: func(g *scriptedHandler, n News) Step {
		if tries++; tries < 20 {
			return connectTo(refusing)(g, n)
		}
		return connectTo(at)(g, n)
	}})
	client := arrive(t, g)
	send(t, client, "hello")
	client.CloseWrite()
	receiveEnd(t, client, "hello")
	g.expect(t, Received)
	want := "dial tcp " + refusing.String() + ": connect: connection refused"
	if n := g.expect(t, Refused); !errors.Is(n.Err, syscall.ECONNREFUSED) || n.Err.Error() != want {
		t.Errorf("refused by %v, want %s", n.Err, want)
	}
	check(t, <-g.result, Client, Closed, 5, 5)
}

func TestArrivalBreaks(t *testing.T) {
	g := newGuide(10, nil)
	client := arrive(t, g)
	send(t, client, "hello")
	g.expect(t, Received)
	reset(t, client)
	if n := g.expect(t, Broken); !errors.Is(n.Err, syscall.ECONNRESET) {
		t.Errorf("broken by %v", n.Err)
	}
	check(t, <-g.result, Proxy, Closed, 0, 0)
}

// A client that goes on sending reads the last bytes for it, and the end.
func TestArrivalCloses(t *testing.T) {
	for manner, want := range map[Manner]string{InOrder: "", Abruptly: "connection reset by peer"} {
		g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: func(*scriptedHandler, News) Step {
			return Step{Do: Close, Manner: manner, Last: []byte("alert")}
		}})
		client := arrive(t, g)
		send(t, client, "hello")
		check(t, <-g.result, Proxy, Closed, 0, 0)
		b, err := io.ReadAll(client)
		if manner == InOrder && string(b) != "alert" || (err != nil) != (want != "") || err != nil && !strings.HasSuffix(err.Error(), want) {
			t.Errorf("manner %d: %q, %v, want %q", manner, b, err, want)
		}
	}
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: func(*scriptedHandler, News) Step { return Step{Do: Close, Last: []byte("alert")} }})
	client := arrive(t, g)
	send(t, client, "hello")
	_, _ = client.Write(make([]byte, 100_000)) // more than one read discards
	receiveEnd(t, client, "alert")
	client.Close()
	check(t, <-g.result, Proxy, Closed, 0, 0)
}

// A client that is dropped sees no end. Without CAP_NET_ADMIN the reset passes loopback.
func TestArrivalIsDropped(t *testing.T) {
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: func(*scriptedHandler, News) Step { return Step{Do: Close, Manner: Silently} }})
	client := arrive(t, g)
	send(t, client, "hello")
	check(t, <-g.result, Proxy, Closed, 0, 0)
	_ = client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client got %v", err)
	}
}

// A panic ends one session, and the result has the stack.
func TestArrivalPanics(t *testing.T) {
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: func(*scriptedHandler, News) Step { panic("on purpose") }})
	client := arrive(t, g)
	send(t, client, "hello")
	r := <-g.result
	check(t, r, Proxy, Failed, 0, 0)
	var crash *PanicError
	if !errors.As(r.Err, &crash) || crash.Value != "on purpose" || !bytes.Contains(crash.Stack, []byte("TestArrivalPanics")) {
		t.Errorf("the error is %v", r.Err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the client's connection is still open")
	}
}

// Bytes behind an urgent byte are read, though the read stops before it.
func TestArrivalReadsBehindUrgentData(t *testing.T) {
	g := newGuide(6, nil)
	client, come := connectClient(t, g)
	sendUrgent(t, client)
	come() // so that the shard gets one event for all of that
	check(t, <-g.result, Proxy, Closed, 0, 0)
	if string(g.hello) != "abcdef" {
		t.Errorf("read %q", g.hello)
	}
}

// A socket that is watched already gets a wake for bytes that come between a read without result
// and the wait for more.
func TestDetachedSocketMissesNothing(t *testing.T) {
	detached := make(chan *Socket, 1)
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{Received: func(g *scriptedHandler, _ News) Step {
		client, _, _ := g.s.Detach()
		detached <- client.(*Socket)
		return Step{}
	}})
	client := arrive(t, g)
	send(t, client, "hello")
	s := <-detached
	defer s.Close()
	if _, err := read(s.fd, make([]byte, 1)); !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	send(t, client, "more")
	for sh, n := s.poll.shard, 0; n < 2; n++ { // the shard has handled its event before others'
		other, g := make(chan struct{}), newGuide(1, nil)
		g.then = map[Event]func(*scriptedHandler, News) Step{Received: func(*scriptedHandler, News) Step { close(other); return Step{Do: Close} }}
		far, near := socketPair(t, DialOptions{}, nil)
		near.poll.shard = sh
		if err := g.s.Arrive(near, g); err != nil {
			t.Fatal(err)
		}
		send(t, far, "x")
		<-other
		far.Close()
		<-g.result
	}
	woken := make(chan struct{})
	go func() {
		if err := s.wait(&s.in); err != nil {
			t.Error(err)
		}
		close(woken)
	}()
	select {
	case <-woken:
	case <-time.After(time.Minute):
		t.Fatal("no wake for the bytes that have come")
	}
	b := make([]byte, 10)
	if n, err := s.Read(b); string(b[:n]) != "more" {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// A timer may fire just when an arriving session ends, before it has options.
func TestTimerAfterTheEnd(t *testing.T) {
	g := newGuide(1, nil)
	g.until = time.Now().Add(time.Minute)
	arrive(t, g)
	g.s.End("drained")
	g.s.timerFired()
	if r := <-g.result; r.Cause != Ended {
		t.Errorf("%+v", r)
	}
}

func TestEndAll(t *testing.T) {
	g := newGuide(1, nil)
	arrive(t, g)
	_, _, _, running := start(t, "engine", Options{})
	EndAll("drained")
	for _, ended := range []<-chan Result{g.result, running} {
		if r := <-ended; r.Cause != Ended || r.Reason != "drained" {
			t.Errorf("%+v", r)
		}
	}
}

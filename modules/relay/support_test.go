// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// TestMain runs the tests with several shards, which live as long as the process.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))
	const here = "github.com/caddy-passthrough/caddy-passthrough/modules/relay."
	programs.VerifyNoLeaks(counted{m}, goleak.IgnoreAnyFunction(here+"(*shard).run"), goleak.IgnoreAnyFunction(here+"(*endNotifier).run"))
}

// counted verifies that ReadStats counts no session once all tests have ended.
type counted struct{ goleak.TestingM }

func (c counted) Run() (code int) {
	if code = c.TestingM.Run(); code != 0 {
		return code
	}
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		s := ReadStats()
		if s.Arriving == 0 && s.Engine == 0 && s.Copied == 0 {
			return 0
		}
		if time.Now().After(over) {
			fmt.Printf("sessions that have ended are counted: %+v\n", s)
			return 1
		}
	}
}

// tcpPair returns the two ends of a connection over loopback.
func tcpPair(t testing.TB) (near, far *net.TCPConn) { return dialedPair(t, new(net.Dialer)) }

// dialedPair does the same, with a dialer for the far end.
func dialedPair(t testing.TB, d *net.Dialer) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	c, err := d.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, far = (<-accepted).(*net.TCPConn), c.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// owner records the result of a session, and whether the server has answered.
type owner struct {
	result   chan Result
	answered atomic.Int32
}

func newOwner() *owner { return &owner{result: make(chan Result, 1)} }

func (o *owner) Answered() { o.answered.Add(1) }

func (o *owner) Ended(r Result) {
	if n := o.answered.Load(); n > 1 || r.Answered != (n == 1) {
		r = Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("answered %d times: %+v", n, r)}
	}
	o.result <- r
}

// wrapped hides that a connection is a socket.
type wrapped struct{ *net.TCPConn }

// kinds are the ways to run a session. Each wraps the client's connection accordingly.
var kinds = map[string]func(*net.TCPConn) net.Conn{
	"engine": func(c *net.TCPConn) net.Conn { return c },
	"copied": func(c *net.TCPConn) net.Conn { return wrapped{c} },
}

// eachKind runs a test for each way to run a session.
func eachKind(t *testing.T, test func(t *testing.T, kind string)) {
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

// start runs a session between a client and a server, and returns their far ends.
func start(t testing.TB, kind string, o Options) (client, server *net.TCPConn, s *Session, result <-chan Result) {
	t.Helper()
	c, client := tcpPair(t)
	v, server := tcpPair(t)
	s = new(Session)
	return client, server, s, run(t, kind, s, c, v, nil, o).result
}

// run runs a session.
func run(t testing.TB, kind string, s *Session, client, server *net.TCPConn, first []byte, o Options) *owner {
	t.Helper()
	w := newOwner()
	rest := s.Start(kinds[kind](client), server, first, &o, w)
	if want := kind == "copied" || runtime.GOOS != "linux"; (rest != nil) != want {
		t.Errorf("copied: %v", !want)
	}
	if rest != nil {
		go rest()
	}
	return w
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// receive reads exactly want.
func receive(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("received %q (%v), want %q", got, err, want)
	}
}

// receiveEnd reads want and then the end.
func receiveEnd(t testing.TB, c net.Conn, want string) {
	t.Helper()
	if got, err := io.ReadAll(c); err != nil || string(got) != want {
		t.Fatalf("received %q (%v), want %q and the end", got, err, want)
	}
}

func reset(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, got Result, by Side, cause Cause, in, out int64) {
	t.Helper()
	if got.By != by || got.Cause != cause || got.In != in || got.Out != out {
		t.Errorf("ended %s by %s with %d in, %d out (%v); want %s by %s, %d, %d",
			got.Cause, got.By, got.In, got.Out, got.Err, cause, by, in, out)
	}
}

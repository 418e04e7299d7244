// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tcpPair is a connection over loopback: its two ends.
func tcpPair(t testing.TB) (near, far *net.TCPConn) {
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
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, far = (<-accepted).(*net.TCPConn), c.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// start runs a session between a client and a server, whose far ends it
// returns.
func start(t testing.TB, o Options) (client, server *net.TCPConn, s *Session, result <-chan Result) {
	t.Helper()
	c, client := tcpPair(t)
	v, server := tcpPair(t)
	s = New(c, v, o)
	results := make(chan Result, 1)
	go func() { results <- s.Run() }()
	return client, server, s, results
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

func TestClientFinishesFirst(t *testing.T) {
	client, server, _, result := start(t, Options{})
	send(t, client, "question")
	client.CloseWrite()
	receiveEnd(t, server, "question")
	send(t, server, "late answer")
	server.Close()
	receiveEnd(t, client, "late answer")
	check(t, <-result, Client, Closed, 8, 11)
}

func TestServerFinishesFirst(t *testing.T) {
	client, server, _, result := start(t, Options{})
	send(t, server, "greeting")
	server.CloseWrite()
	receiveEnd(t, client, "greeting")
	send(t, client, "late question")
	client.Close()
	receiveEnd(t, server, "late question")
	check(t, <-result, Server, Closed, 13, 8)
}

func TestFirstBytesComeFirst(t *testing.T) {
	c, client := tcpPair(t)
	v, server := tcpPair(t)
	s := New(c, v, Options{})
	hello := []byte("hello ")
	s.First(hello)
	clear(hello)
	result := make(chan Result, 1)
	go func() { result <- s.Run() }()
	send(t, client, "and more")
	receive(t, server, "hello and more")
	for in, out := s.Counters(); in != 14 || out != 0; in, out = s.Counters() {
		time.Sleep(time.Millisecond) // counted just after it was written
	}
	client.Close()
	receiveEnd(t, server, "")
	server.Close()
	check(t, <-result, Client, Closed, 14, 0)
}

func TestResets(t *testing.T) {
	t.Run("by client", func(t *testing.T) {
		client, server, _, result := start(t, Options{})
		send(t, client, "x")
		receive(t, server, "x")
		reset(t, client)
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the server got %v, want a reset", err)
		}
		check(t, <-result, Client, Reset, 1, 0)
	})
	t.Run("by server", func(t *testing.T) {
		client, server, _, result := start(t, Options{})
		send(t, server, "x")
		receive(t, client, "x")
		reset(t, server)
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client got %v, want a reset", err)
		}
		check(t, <-result, Server, Reset, 0, 1)
	})
	t.Run("by server after the client finished", func(t *testing.T) {
		client, server, _, result := start(t, Options{})
		client.CloseWrite()
		receiveEnd(t, server, "")
		reset(t, server)
		check(t, <-result, Server, Reset, 0, 0)
	})
	t.Run("server gone before the first bytes", func(t *testing.T) {
		c, client := tcpPair(t)
		v, server := tcpPair(t)
		reset(t, server)
		s := New(c, v, Options{})
		time.Sleep(50 * time.Millisecond) // let the RST arrive
		s.First([]byte("hello"))
		check(t, s.Run(), Server, Reset, 0, 0)
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Error("the client's connection is still open")
		}
	})
}

func TestEnd(t *testing.T) {
	client, server, s, result := start(t, Options{})
	send(t, client, "x")
	receive(t, server, "x")
	s.End("drained")
	s.End("another reason")
	r := <-result
	check(t, r, Proxy, Ended, 1, 0)
	if r.Reason != "drained" {
		t.Errorf("reason %q", r.Reason)
	}
	for _, c := range []net.Conn{client, server} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is still open")
		}
	}
	s.End("after the end")
}

func TestEndBeforeRun(t *testing.T) {
	c, _ := tcpPair(t)
	v, _ := tcpPair(t)
	s := New(c, v, Options{})
	s.End("removed")
	check(t, s.Run(), Proxy, Ended, 0, 0)
}

type panics struct{ net.Conn }

func (panics) Read([]byte) (int, error) { panic("a bug in a wrapper") }

func TestPanicEndsTheSessionOnly(t *testing.T) {
	c, client := tcpPair(t)
	v, _ := tcpPair(t)
	r := New(c, panics{v}, Options{}).Run()
	check(t, r, Proxy, Failed, 0, 0)
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the client's connection is still open")
	}
}

// TestBulkBothWays moves 64 MiB each way at once through a slow and a fast
// reader and compares digests.
func TestBulkBothWays(t *testing.T) {
	const size = 64 << 20
	client, server, _, result := start(t, Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute})
	digests := make(chan [32]byte, 4)
	up, down := io.LimitReader(rand.Reader, size), io.LimitReader(rand.Reader, size)
	pour := func(c *net.TCPConn, r io.Reader) {
		h := sha256.New()
		if _, err := io.Copy(c, io.TeeReader(r, h)); err != nil {
			t.Error(err)
		}
		c.CloseWrite()
		digests <- [32]byte(h.Sum(nil))
	}
	drain := func(c *net.TCPConn) {
		h := sha256.New()
		if _, err := io.Copy(h, c); err != nil {
			t.Error(err)
		}
		digests <- [32]byte(h.Sum(nil))
	}
	for _, f := range []func(){func() { pour(client, up) }, func() { drain(server) }, func() { pour(server, down) }, func() { drain(client) }} {
		go f()
	}
	seen := map[[32]byte]int{}
	for range 4 {
		seen[<-digests]++
	}
	for d, n := range seen {
		if n != 2 {
			t.Errorf("digest %x was seen %d times", d[:4], n)
		}
	}
	if r := <-result; r.Cause != Closed || r.In != size || r.Out != size {
		t.Errorf("ended %+v", r)
	}
}

// duplex is a connection in memory that can be closed by halves.
type duplex struct {
	net.Conn          // what is read, and both addresses
	out      net.Conn // what is written
}

func (d duplex) Write(b []byte) (int, error)         { return d.out.Write(b) }
func (d duplex) SetWriteDeadline(at time.Time) error { return d.out.SetWriteDeadline(at) }
func (d duplex) CloseWrite() error                   { return d.out.Close() }
func (d duplex) Close() error                        { return errors.Join(d.Conn.Close(), d.out.Close()) }

func duplexPair() (near, far duplex) {
	a, b := net.Pipe()
	c, d := net.Pipe()
	return duplex{a, c}, duplex{d, b}
}

// Timeouts, with the time of the test's own.
func TestTimeouts(t *testing.T) {
	o := Options{ClientTimeout: 2 * time.Second, ServerTimeout: 5 * time.Second}
	for _, c := range []struct {
		name  string
		play  func(client, server duplex)
		by    Side
		after time.Duration
	}{
		{"silent client, server closes at the FIN", func(_, server duplex) {
			io.Copy(io.Discard, server)
			server.Close()
		}, Client, 2 * time.Second},
		{"both silent", func(_, server duplex) {
			io.Copy(io.Discard, server)
		}, Client, 5 * time.Second},
		{"a download keeps a silent client", func(client, server duplex) {
			go io.Copy(io.Discard, client)
			for range 10 {
				time.Sleep(1500 * time.Millisecond)
				server.Write([]byte("x"))
			}
			io.Copy(io.Discard, server)
			server.Close()
		}, Client, 17 * time.Second},
		{"an upload keeps a silent server, then it times out", func(client, server duplex) {
			go io.Copy(io.Discard, server)
			for range 8 {
				time.Sleep(time.Second)
				client.Write([]byte("x"))
			}
			client.CloseWrite()
		}, Server, 13 * time.Second},
		{"a client that takes nothing", func(client, server duplex) {
			go func() {
				for range 100 {
					time.Sleep(100 * time.Millisecond)
					if _, err := client.Write([]byte("x")); err != nil {
						return
					}
				}
			}()
			go io.Copy(io.Discard, server)
			server.Write([]byte("never taken"))
		}, Client, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, client := duplexPair()
				far, server := duplexPair()
				began := time.Now()
				go c.play(client, server)
				r := New(near, far, o).Run()
				if r.By != c.by || r.Cause != Timeout {
					t.Errorf("ended %s by %s, want timeout by %s", r.Cause, r.By, c.by)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("took %v, want %v", took, c.after)
				}
				client.Close()
				server.Close()
				time.Sleep(time.Minute) // the players leave
			})
		})
	}
}

// Setting the system's clock must not end sessions: what is compared has a
// reading of the monotonic clock.
func TestTimeoutsAreMonotonic(t *testing.T) {
	c, _ := net.Pipe()
	s := New(c, c, Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute})
	for _, e := range []*end{&s.client, &s.server} {
		e.touch(time.Now())
		if due := e.due(); !strings.Contains(due.String(), " m=") {
			t.Errorf("%s: due at %v, by the time of day", e.side, due)
		}
	}
}

// A connection without CloseWrite is closed whole, so that its peer learns of
// the end.
func TestWithoutCloseWrite(t *testing.T) {
	c, client := net.Pipe()
	v, server := tcpPair(t)
	result := make(chan Result, 1)
	go func() { result <- New(c, v, Options{}).Run() }()
	server.Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client got %v", err)
	}
	check(t, <-result, Server, Closed, 0, 0)
}

func BenchmarkRoundTrip(b *testing.B) {
	client, server, _, result := start(b, Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute})
	go io.Copy(server, struct{ io.Reader }{server})
	msg := bytes.Repeat([]byte("x"), 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(msg); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, msg); err != nil {
			b.Fatal(err)
		}
	}
	client.Close()
	server.Close()
	<-result
}

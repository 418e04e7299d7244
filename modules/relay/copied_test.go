// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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

// timed runs a session in the test's own time, and says how it should end, and
// when. The players have two hours to leave.
func timed(t *testing.T, o Options, play func(client, server duplex), by Side, cause Cause, after time.Duration) {
	t.Helper()
	near, client := duplexPair()
	far, server := duplexPair()
	began := time.Now()
	go play(client, server)
	r := newCopied(near, far, &o, newOwner()).run()
	if r.By != by || r.Cause != cause {
		t.Errorf("ended %s by %s (%v), want %s by %s", r.Cause, r.By, r.Err, cause, by)
	}
	if took := time.Since(began); took != after {
		t.Errorf("took %v, want %v", took, after)
	}
	client.Close()
	server.Close()
	time.Sleep(2 * time.Hour)
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
				timed(t, o, c.play, c.by, Timeout, c.after)
			})
		})
	}
}

// Setting the system's clock must not end sessions: what is compared has a
// reading of the monotonic clock.
func TestTimeoutsAreMonotonic(t *testing.T) {
	c, _ := net.Pipe()
	s := newCopied(c, c, &Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}, newOwner())
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
	go func() { result <- newCopied(c, v, new(Options), newOwner()).run() }()
	server.Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client got %v", err)
	}
	check(t, <-result, Server, Closed, 0, 0)
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// duplex is a connection in memory that can be half closed.
type duplex struct {
	net.Conn          // reads, and both addresses
	out      net.Conn // writes
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

// Setting the system's clock must not end sessions: the times that are compared have a monotonic
// reading.
func TestTimeoutsAreMonotonic(t *testing.T) {
	c, _ := net.Pipe()
	s := newCopied(c, c, &Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}, newOwner())
	for _, p := range []*peer{&s.client, &s.server} {
		p.touch(time.Now())
		if due := p.idleDeadline(); !strings.Contains(due.String(), " m=") {
			t.Errorf("%s: due at %v, by the time of day", p.side, due)
		}
	}
}

// A connection without CloseWrite is closed entirely, so that its peer notices the end.
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

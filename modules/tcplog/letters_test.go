// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// owner receives the result of a session.
type owner chan relay.Result

func (owner) Answered()              {}
func (o owner) Ended(r relay.Result) { o <- r }

// wrapped hides that a connection is a socket, so that its session is copied.
type wrapped struct{ *net.TCPConn }

// tcpPair returns both ends of a connection over loopback.
func tcpPair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	near, far = a.(*net.TCPConn), c.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// play is the behavior of one side and of the other. Both ends are those far from the proxy.
type play func(t *testing.T, actor, other *net.TCPConn)

func hearEnd(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("%d bytes and %v, want the end", len(rest), err)
	}
}

func fin(t *testing.T, actor, other *net.TCPConn) {
	actor.CloseWrite()
	hearEnd(t, other)
	other.Close()
	hearEnd(t, actor)
}

func rst(t *testing.T, actor, other *net.TCPConn) {
	_ = actor.SetLinger(0)
	actor.Close()
	if _, err := other.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side got %v, want a reset", err)
	}
}

// stall reads nothing while the other side sends without end.
func stall(t *testing.T, _, other *net.TCPConn) {
	_ = other.SetWriteDeadline(time.Now().Add(time.Minute))
	for b := make([]byte, 64<<10); ; {
		if _, err := other.Write(b); err != nil {
			if errors.Is(err, syscall.ETIMEDOUT) {
				t.Error(err)
			}
			return
		}
	}
}

// timeout sends nothing; the other side closes once it reads the end.
func timeout(t *testing.T, _, other *net.TCPConn) {
	hearEnd(t, other)
	other.Close()
}

// halfClose closes one direction, and the other side sends after that.
func halfClose(t *testing.T, actor, other *net.TCPConn) {
	actor.CloseWrite()
	hearEnd(t, other)
	time.Sleep(50 * time.Millisecond)
	if _, err := other.Write([]byte("late")); err != nil {
		t.Error(err)
	}
	other.Close()
	if got, err := io.ReadAll(actor); err != nil || string(got) != "late" {
		t.Errorf("%q, %v, want what came late", got, err)
	}
}

// TestTerminationLetters ends sessions in every way and by each side, both in the engine and
// copied.
func TestTerminationLetters(t *testing.T) {
	const limit = 300 * time.Millisecond
	sides := map[relay.Side]relay.Options{
		relay.Client: {ClientTimeout: limit},
		relay.Server: {ServerTimeout: limit},
	}
	for _, c := range []struct {
		name    string
		play    play
		timed   bool
		letters map[relay.Side]string
	}{
		{"FIN", fin, false, map[relay.Side]string{relay.Client: "--", relay.Server: "--"}},
		{"RST", rst, false, map[relay.Side]string{relay.Client: "CD", relay.Server: "SD"}},
		{"stall", stall, true, map[relay.Side]string{relay.Client: "cD", relay.Server: "sD"}},
		{"timeout", timeout, true, map[relay.Side]string{relay.Client: "cD", relay.Server: "sD"}},
		{"half-close, then data", halfClose, false, map[relay.Side]string{relay.Client: "--", relay.Server: "--"}},
	} {
		for side, options := range sides {
			for _, copied := range []bool{false, true} {
				t.Run(c.name+" by the "+side.String()+map[bool]string{true: ", copied"}[copied], func(t *testing.T) {
					t.Parallel()
					o := new(relay.Options)
					if c.timed {
						o = &options
					}
					near, client := tcpPair(t)
					far, server := tcpPair(t)
					var conn net.Conn = near
					if copied {
						conn = wrapped{near}
					}
					result := make(owner, 1)
					run := new(relay.Session).Start(conn, far, nil, o, result)
					if parked := run == nil; parked != (!copied && runtime.GOOS == "linux") {
						t.Errorf("parked: %v", parked)
					}
					if run != nil {
						go run()
					}
					actor, other := client, server
					if side == relay.Server {
						actor, other = server, client
					}
					c.play(t, actor, other)
					r := <-result
					if got, want := EndOf(r).Letters(), c.letters[side]; got != want || r.By != side {
						t.Errorf("%s by the %s (%v), want %s by the %s", got, r.By, r.Err, want, side)
					}
				})
			}
		}
	}
}

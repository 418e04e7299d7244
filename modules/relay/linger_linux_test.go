// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inKernel is how many bytes of c are not acknowledged.
func inKernel(t *testing.T, c *net.TCPConn) int {
	t.Helper()
	raw, err := c.SyscallConn()
	n := 0
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// settle waits until nothing of what c has written moves any more, and returns how
// much of it is still to be acknowledged.
func settle(t *testing.T, c *net.TCPConn) (left int) {
	t.Helper()
	for same, last := 0, -1; same < 15; time.Sleep(10 * time.Millisecond) {
		left = inKernel(t, c)
		if same++; left == 0 {
			return 0
		}
		if left != last {
			last, same = left, 0
		}
	}
	return left
}

// roomy is a client that takes little at a time, before whom the kernel holds much.
func roomy(t *testing.T) (near, far *net.TCPConn) {
	return dialedPair(t, &net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8192)
		}), err)
	}})
}

// slow is one before whom the kernel holds little: most is still to be read when the
// reset comes.
func slow(t *testing.T) (near, far *net.TCPConn) {
	near, far = roomy(t)
	_ = near.SetWriteBuffer(32 << 10)
	return near, far
}

// What a side has sent before its connection was reset is delivered, however slow
// the other one is, and only then that one is reset, too.
func TestResetComesLast(t *testing.T) {
	const size = 2_000_000
	resets := map[string]func(t *testing.T, c *net.TCPConn) (acknowledged int){
		"reset": func(t *testing.T, c *net.TCPConn) int {
			left := settle(t, c) // its own kernel throws that away
			reset(t, c)
			return size - left
		},
		"closed with something unread": func(t *testing.T, c *net.TCPConn) int {
			left := settle(t, c)
			c.Close()
			return size - left
		},
	}
	eachKind(t, func(t *testing.T, kind string) {
		for _, by := range both {
			for name, end := range resets {
				t.Run(by.String()+" "+name, func(t *testing.T) {
					taker, slowly := slow(t)
					giver, sender := tcpPair(t)
					ends := [...]*net.TCPConn{taker, giver}
					if by == Client {
						ends = [...]*net.TCPConn{giver, taker}
					}
					result := run(t, kind, new(Session), ends[Client], ends[Server], nil, Options{}).result
					send(t, slowly, "unread")
					go sender.Write(make([]byte, size))
					time.Sleep(50 * time.Millisecond)
					least := end(t, sender)
					n, err := io.Copy(io.Discard, slowly)
					if !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("it ends with %v, want a reset", err)
					}
					r := <-result
					if got := [...]int64{r.In, r.Out}[by]; n < int64(least) || got != n || r.By != by || r.Cause != Reset {
						t.Errorf("received %d of %d, %+v", n, least, r)
					}
				})
			}
		}
	})
}

// A server that has finished in order, and is then sent something that it does not
// take, has said all: what it said is delivered, with its end, whether the proxy had
// seen that end before or not.
func TestLateBytesForAServer(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		for _, c := range []struct {
			name       string
			size, more int
			pair       func(*testing.T) (near, far *net.TCPConn)
		}{
			{"one, after the end was seen", 2_000_000, 1, roomy},
			{"three, after the end was seen", 2_000_000, 3, roomy},
			{"one, before the end was seen", 130_000, 1, slow},
			{"three, before the end was seen", 130_000, 3, slow},
		} {
			t.Run(c.name, func(t *testing.T) {
				near, client := c.pair(t)
				far, server := tcpPair(t)
				result := run(t, kind, new(Session), near, far, nil, Options{}).result
				go server.Write(make([]byte, c.size))
				time.Sleep(50 * time.Millisecond)
				if left := settle(t, server); left > 0 {
					t.Fatalf("%d bytes do not leave the server", left)
				}
				server.Close()
				for range c.more { // the first one provokes a reset, the others meet it
					time.Sleep(50 * time.Millisecond)
					send(t, client, "late")
				}
				time.Sleep(50 * time.Millisecond)
				if n, err := io.Copy(io.Discard, client); n != int64(c.size) || err != nil {
					t.Errorf("received %d and %v", n, err)
				}
				client.Close()
				if r := <-result; r.By != Server || r.Cause != Closed || r.Out != int64(c.size) {
					t.Errorf("%+v", r)
				}
			})
		}
	})
}

// A client that takes nothing is not waited for beyond its timeout, and what it has
// not got is not counted.
func TestLingersInVain(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		near, client := slow(t)
		far, server := tcpPair(t)
		result := run(t, kind, new(Session), near, far, nil, Options{ClientTimeout: 300 * time.Millisecond}).result
		go server.Write(make([]byte, 2_000_000))
		time.Sleep(100 * time.Millisecond)
		reset(t, server)
		r := <-result
		n, _ := io.Copy(io.Discard, client)
		want := Result{By: Server, Cause: Reset}
		if kind == "copied" { // in the middle of a write nothing is noticed of the server
			want = Result{By: Client, Cause: Timeout}
		}
		if r.By != want.By || r.Cause != want.Cause || r.Out != n || n == 0 {
			t.Errorf("received %d, %+v", n, r)
		}
	})
}

// A session that lingers can be ended.
func TestEndWhileLingering(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		const size = 500_000
		near, client := roomy(t)
		far, server := tcpPair(t)
		s := new(Session)
		result := run(t, kind, s, near, far, nil, Options{}).result
		go server.Write(make([]byte, size))
		for s.Counters().Out < size {
			time.Sleep(time.Millisecond)
		}
		reset(t, server)
		time.Sleep(100 * time.Millisecond)
		s.End("enough")
		r := <-result
		n, _ := io.Copy(io.Discard, client)
		if r.By != Server || r.Cause != Reset || r.Out != n || n == 0 || n == size {
			t.Errorf("received %d, %+v", n, r)
		}
	})
}

// A client that closes once it has what it wants does not take the server's last
// words. Where these are its end that is no error.
func TestClientLeavesBeforeTheLastWords(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(t *testing.T, server *net.TCPConn)
		want Cause
		by   Side
		out  int64
	}{
		{"and the server ends", func(_ *testing.T, server *net.TCPConn) { server.Close() }, Closed, Client, 3},
		{"and the server goes on", func(_ *testing.T, server *net.TCPConn) { _, _ = server.Write([]byte("more")) }, Reset, Client, 3},
		{"and the server is silent", func(*testing.T, *net.TCPConn) {}, Reset, Client, 3},
		{"and the server resets", func(t *testing.T, server *net.TCPConn) { reset(t, server) }, Reset, Server, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server, _, result := start(t, "parked", Options{})
			client.CloseWrite()
			receiveEnd(t, server, "")
			client.Close()
			send(t, server, "bye")            // it provokes a reset
			time.Sleep(50 * time.Millisecond) // which arrives
			c.play(t, server)
			if r := <-result; r.Cause != c.want || r.By != c.by || r.Out != c.out {
				t.Errorf("%+v", r)
			}
		})
	}
}

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

// inKernel returns the number of bytes written to c that are not acknowledged.
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

// settle waits until the bytes written to c stop moving, and returns how many of them are not
// acknowledged.
func settle(t *testing.T, s *Session, c *net.TCPConn) (left int) {
	t.Helper()
	var last Counters
	for same := 0; same < 15; time.Sleep(10 * time.Millisecond) {
		now, n := s.Counters(), inKernel(t, c)
		now.Idle = 0
		if same++; now != last || n != left || now.In+now.Out < 10_000 {
			last, left, same = now, n, 0
		}
	}
	return left
}

// awaitBreak waits until a session has noticed that a connection broke.
func awaitBreak(s *Session) {
	for {
		s.mu.Lock()
		noticed := s.extra().cause != nil
		if s.extra().copied != nil {
			s.extra().copied.mu.Lock()
			noticed = s.extra().copied.failed
			s.extra().copied.mu.Unlock()
		}
		s.mu.Unlock()
		if noticed {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// roomy returns a client that receives little at a time, while the proxy's kernel holds much for
// it.
func roomy(t *testing.T) (near, far *net.TCPConn) {
	return dialedPair(t, &net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8192)
		}), err)
	}})
}

// slow returns a client for which the kernel holds little as well: most bytes are still to be read
// when the reset comes.
func slow(t *testing.T) (near, far *net.TCPConn) {
	near, far = roomy(t)
	_ = near.SetWriteBuffer(32 << 10)
	return near, far
}

// Bytes that a side has sent before its connection was reset are delivered, however slow the other
// one is; only then is that one reset, too.
func TestResetComesLast(t *testing.T) {
	const size = 2_000_000
	resets := map[string]func(t *testing.T, c *net.TCPConn){
		"reset":                        func(t *testing.T, c *net.TCPConn) { reset(t, c) },
		"closed with something unread": func(_ *testing.T, c *net.TCPConn) { c.Close() },
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
					s := new(Session)
					result := run(t, kind, s, ends[Client], ends[Server], nil, Options{}).result
					send(t, slowly, "unread")
					go sender.Write(make([]byte, size))
					least := size - settle(t, s, sender) // its own kernel drops the rest
					end(t, sender)
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

// A server that has finished in order, and resets the connection for later bytes, has sent its last
// byte: all its bytes are delivered, with the end, whether the proxy had seen that end before or
// not.
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
				s := new(Session)
				result := run(t, kind, s, near, far, nil, Options{}).result
				if _, err := server.Write(make([]byte, c.size)); err != nil {
					t.Fatal(err)
				}
				if left := settle(t, s, server); left > 0 {
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

// A client that accepts nothing is given up after its timeout, and undelivered bytes are not
// counted.
func TestLingersInVain(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		for name, pair := range map[string]func(*testing.T) (near, far *net.TCPConn){"in the proxy": slow, "in the kernel": roomy} {
			t.Run(name, func(t *testing.T) {
				near, client := pair(t)
				far, server := tcpPair(t)
				s := new(Session)
				result := run(t, kind, s, near, far, nil, Options{ClientTimeout: time.Second}).result
				go server.Write(make([]byte, 2_000_000))
				settle(t, s, server)
				reset(t, server)
				r := <-result
				n, _ := io.Copy(io.Discard, client)
				// A server's reset goes unnoticed during a blocked write, and if the client's timeout passes
				// first.
				noticed := r.By == Server && r.Cause == Reset || r.By == Client && r.Cause == Timeout
				if !noticed || r.Out != n || n == 0 {
					t.Errorf("received %d, %+v", n, r)
				}
			})
		}
	})
}

// A slow client has its whole timeout, not only readAfterBreak.
func TestLastWordsForASlowClient(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		const size = 130_000
		near, client := slow(t)
		far, server := tcpPair(t)
		s := new(Session)
		result := run(t, kind, s, near, far, nil, Options{}).result
		if _, err := server.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if left := settle(t, s, server); left > 0 {
			t.Fatalf("%d bytes do not leave the server", left)
		}
		reset(t, server)
		send(t, client, "late") // the copying session notices the reset by that
		awaitBreak(s)
		time.Sleep(readAfterBreak * 3 / 2)
		n, err := io.Copy(io.Discard, client)
		if r := <-result; n != size || !errors.Is(err, syscall.ECONNRESET) || r.By != Server || r.Cause != Reset || r.Out != n {
			t.Errorf("received %d and %v, %+v", n, err, r)
		}
	})
}

// A session that is ended from outside does not count bytes that are lost because bytes of the
// client were unread.
func TestEndCountsWhatIsLost(t *testing.T) {
	const size = 500_000
	near, client := roomy(t)
	far, server := slow(t)
	s := new(Session)
	result := run(t, "engine", s, near, far, nil, Options{}).result
	go client.Write(make([]byte, 8<<20))
	if _, err := server.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	settle(t, s, server)
	for s.Counters().Out < size {
		time.Sleep(time.Millisecond)
	}
	s.End("enough")
	r := <-result
	n, _ := io.Copy(io.Discard, client)
	if r.Cause != Ended || r.Out != n || n == 0 || n == size {
		t.Errorf("received %d, %+v", n, r)
	}
}

// A FIN that the server did not acknowledge does not count as a byte.
func TestLingersInVainAfterTheEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		const size = 500_000
		near, client := tcpPair(t)
		far, server := roomy(t)
		s := new(Session)
		result := run(t, kind, s, near, far, nil, Options{ServerTimeout: 3 * time.Second}).result
		if _, err := client.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		client.CloseWrite()
		settle(t, s, client)
		client.Close()
		for range 3 { // the first one provokes a reset, the others meet it
			send(t, server, "bye")
			time.Sleep(50 * time.Millisecond)
		}
		r := <-result
		n, _ := io.Copy(io.Discard, server)
		if r.By != Client || r.Cause != Reset || r.In != n || n == 0 || n == size {
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
		awaitBreak(s)
		time.Sleep(50 * time.Millisecond)
		s.End("enough")
		r := <-result
		n, _ := io.Copy(io.Discard, client)
		if r.By != Server || r.Cause != Reset || r.Out != n || n == 0 || n == size {
			t.Errorf("received %d, %+v", n, r)
		}
	})
}

// A client that closes as soon as it is satisfied does not accept the server's last bytes. If only
// the server's end follows, that is no error.
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
			client, server, s, result := start(t, "engine", Options{})
			client.CloseWrite()
			receiveEnd(t, server, "")
			client.Close()
			send(t, server, "bye") // it provokes a reset
			for s.Counters().Out < 3 {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond) // the reset arrives
			c.play(t, server)
			if r := <-result; r.Cause != c.want || r.By != c.by || r.Out != c.out {
				t.Errorf("%+v", r)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// segments returns the number of segments that c has received.
func segments(t *testing.T, c *net.TCPConn) uint32 {
	t.Helper()
	raw, err := c.SyscallConn()
	var info *unix.TCPInfo
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO) }), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return info.Segs_in
}

// awaitEnd waits until the FIN of the other side has arrived, and with it all that was sent before.
func awaitEnd(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			for list := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}; list[0].Revents == 0; {
				_, _ = unix.Poll(list, 1000)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// oneSide runs a session one side of which has sent something, and has ended, before the session
// began. It returns the far ends of that side and of the other.
func oneSide(t *testing.T, kind string, of Side, sends func(c *net.TCPConn)) (sender, taker *net.TCPConn, began uint32, result <-chan Result) {
	t.Helper()
	near, sender := tcpPair(t)
	far, taker := tcpPair(t)
	sends(sender)
	awaitEnd(t, near)
	began = segments(t, taker)
	ends := [...]*net.TCPConn{near, far}
	if of == Server {
		ends = [...]*net.TCPConn{far, near}
	}
	return sender, taker, began, run(t, kind, new(Session), ends[Client], ends[Server], nil, Options{}).result
}

// The FIN leaves with the last bytes of a side.
func TestEndLeavesWithTheLastBytes(t *testing.T) {
	for _, of := range both {
		t.Run(of.String(), func(t *testing.T) {
			const tries = 20 // on a busy machine the kernel may retransmit
			var came uint32
			for try := 0; try < tries && came != 1; try++ {
				came = lastBytes(t, of)
			}
			if came != 1 {
				t.Errorf("they came in %d segments, want one", came)
			}
		})
	}
}

// lastBytes runs one such session. It returns the number of segments that the bytes came in.
func lastBytes(t *testing.T, of Side) (came uint32) {
	t.Helper()
	sender, taker, began, result := oneSide(t, "engine", of, func(c *net.TCPConn) {
		send(t, c, "all that there is")
		_ = c.CloseWrite()
	})
	receiveEnd(t, taker, "all that there is")
	came = segments(t, taker) - began
	send(t, taker, "the other side goes on")
	receive(t, sender, "the other side goes on")
	send(t, taker, ", and ends")
	taker.Close()
	receiveEnd(t, sender, ", and ends")
	r := <-result
	if want := [...][2]int64{{17, 32}, {32, 17}}[of]; r.Cause != Closed || r.By != of || r.In != want[Client] || r.Out != want[Server] {
		t.Errorf("%+v, want closed by %v with %v", r, of, want)
	}
	return came
}

// A server that has gone before the first bytes are sent to it breaks the session.
func TestServerGoneBeforeTheFirstBytes(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, client := tcpPair(t)
		v, server := tcpPair(t)
		reset(t, server)
		awaitEnd(t, v)
		w := run(t, kind, new(Session), c, v, []byte("hello"), Options{})
		check(t, <-w.result, Server, Reset, 0, 0)
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Error("the client's connection is still open")
		}
	})
}

// An urgent byte, which is not read, ends nothing.
func TestUrgentBytes(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		for _, c := range []struct{ name, before, after string }{
			{"in the midst", "before", "after"},
			{"at the beginning", "", "after"},
			{"at the end", "before", ""},
			{"alone", "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				sender, taker, _, result := oneSide(t, kind, Server, func(s *net.TCPConn) {
					if c.before != "" {
						send(t, s, c.before)
					}
					raw, err := s.SyscallConn()
					if err == nil {
						err = errors.Join(raw.Control(func(fd uintptr) { err = unix.Send(int(fd), []byte("!"), unix.MSG_OOB) }), err)
					}
					if err != nil {
						t.Fatal(err)
					}
					if c.after != "" {
						send(t, s, c.after)
					}
					_ = s.CloseWrite()
				})
				receiveEnd(t, taker, c.before+c.after)
				taker.Close()
				receiveEnd(t, sender, "")
				sender.Close()
				check(t, <-result, Server, Closed, 0, int64(len(c.before+c.after)))
			})
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fullBacklog returns an address that does not answer, because its accept queue is full. It answers
// when a client retries after the connections have been accepted, or the socket closed.
func fullBacklog(t *testing.T) (listening int, at netip.AddrPort) {
	t.Helper()
	listening, at = listenRawOn(t, 77)
	if err := unix.Listen(listening, 0); err != nil {
		t.Fatal(err)
	}
	d := new(net.Dialer) // there is room for one, however busy this machine is
	for range 8 {
		c, err := d.Dial("tcp", at.String())
		if err != nil {
			return listening, at
		}
		t.Cleanup(func() { c.Close() })
		d.Timeout = 200 * time.Millisecond
	}
	t.Fatal("its queue does not fill")
	return 0, at
}

func TestDialTimeout(t *testing.T) {
	_, at := fullBacklog(t)
	began := time.Now()
	_, err := Dial(at, DialOptions{Timeout: 300 * time.Millisecond}, []byte("hello"))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || !strings.HasSuffix(err.Error(), "i/o timeout") {
		t.Errorf("%v, want a timeout", err)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// A server that answers late has received the first bytes when Dial returns, once.
func TestDialLate(t *testing.T) {
	t.Parallel()
	listening, at := fullBacklog(t)
	var slow atomic.Int32
	answers := make(chan struct{})
	accepted := make(chan *Socket, 16)
	over := make(chan struct{})
	go func() {
		defer close(over)
		<-answers
		for {
			switch c, err := Accept(uintptr(listening), nil); {
			case err == nil:
				accepted <- c
			case errors.Is(err, unix.EAGAIN):
				time.Sleep(time.Millisecond)
			default: // the test is over
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = shutdown(listening, unix.SHUT_RDWR)
		if slow.Load() > 0 {
			<-over
		}
	})
	conn, err := Dial(at, DialOptions{Timeout: time.Minute, Slow: func() {
		slow.Add(1)
		close(answers)
	}}, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	dialed := conn.(*Socket)
	if n := slow.Load(); n != 1 {
		t.Errorf("Slow was called %d times", n)
	}
	if dialed.sent != len("hello") {
		t.Errorf("%d bytes are sent", dialed.sent)
	}
	var server *Socket
	for server == nil {
		if c := <-accepted; c.RemoteAddr().String() == dialed.LocalAddr().String() {
			server = c
		} else {
			defer c.Close()
		}
	}
	near, client := tcpPair(t)
	s, w := new(Session), newOwner()
	if s.Start(near, dialed, []byte("hello and more"), new(Options), w) != nil {
		t.Fatal("it is copied")
	}
	receive(t, server, "hello and more")
	send(t, server, "answer")
	receive(t, client, "answer")
	client.Close()
	receiveEnd(t, server, "")
	server.Close()
	check(t, <-w.result, Client, Closed, 14, 6)
}

// The error of the write that finds the connection refused is that of the connect.
func TestDialRefusedLate(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"", "hello"} {
		t.Run("first "+first, func(t *testing.T) {
			t.Parallel()
			listening, at := fullBacklog(t)
			_, err := Dial(at, DialOptions{Slow: func() { _ = shutdown(listening, unix.SHUT_RDWR) }}, []byte(first))
			want := "dial tcp " + at.String() + ": connect: connection refused"
			if !errors.Is(err, syscall.ECONNREFUSED) || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

// A connect that is cancelled is given up at once, and leaves nothing behind.
func TestDialCancelled(t *testing.T) {
	if err := Prepare(); err != nil {
		t.Fatal(err)
	}
	_, at := fullBacklog(t)
	before := atRest(t)
	cancel := make(chan struct{})
	_, err := Dial(at, DialOptions{Timeout: time.Minute, Slow: func() { close(cancel) }, Cancel: cancel}, []byte("hello"))
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want %v", err, net.ErrClosed)
	}
	if after := use(t); after.descriptors != before.descriptors || after.slots != before.slots || after.timers != before.timers {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// The first bytes carry the acknowledgement that ends the handshake. Without any, it leaves at
// once, so that a server that speaks first does not wait.
func TestDialAcknowledges(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	to := ln.Addr().(*net.TCPAddr).AddrPort()
	conn, err := Dial(to, DialOptions{}, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := io.ReadFull(server, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if got := segments(t, server.(*net.TCPConn)); got != 2 {
		t.Errorf("the server was sent %d packets, want 2: SYN and the first bytes", got)
	}
	fd, err := startConnect(to, outgoing{})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO); err != nil || info.Segs_out != 2 {
		t.Errorf("with no first bytes %d packets left (%v), want 2: SYN and its acknowledgement", info.Segs_out, err)
	}
}

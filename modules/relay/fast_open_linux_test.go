// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listenFast listens with TCP Fast Open.
func (n *island) listenFast(t *testing.T) (fd int, at netip.AddrPort) {
	t.Helper()
	err := n.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_FASTOPEN, 16),
			unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 4433}), unix.Listen(fd, 16))
	})
	if err != nil {
		t.Fatal(err)
	}
	return fd, netip.MustParseAddrPort("127.0.0.1:4433")
}

// TCP Fast Open: the hello of the second connection goes with the SYN. The connection counts as
// established only once the server has answered, so that a refused one can be retried.
func TestFastOpen(t *testing.T) {
	const sentWithSYN = 32 // TCPI_OPT_SYN_DATA
	n := newIsland(t)
	listening, at := n.listenFast(t)
	o := &SocketOptions{FastOpen: true, Namespace: n}
	for i := range 2 {
		s, err := dialWith(t, at, o)
		if err != nil {
			t.Fatal(err)
		}
		info, err := unix.GetsockoptTCPInfo(s.fd, unix.SOL_TCP, unix.TCP_INFO)
		if err != nil || info.State != unix.BPF_TCP_ESTABLISHED {
			t.Errorf("state %d, %v: want established", info.State, err)
		}
		if fast := info.Options&sentWithSYN != 0; fast != (i == 1) || s.sent != len("hello") {
			t.Errorf("connection %d: hello with the SYN: %t, %d bytes sent", i+1, fast, s.sent)
		}
	}
	_ = unix.Close(listening)
	if _, err := dialWith(t, at, o); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v, want a refusal", err)
	}
}

// A server that does not answer the SYN is not connected, although the kernel has taken the hello.
// Once it answers, it gets the hello once.
func TestFastOpenLate(t *testing.T) {
	n := newIsland(t)
	listening, at := n.listenFast(t)
	o := &SocketOptions{FastOpen: true, Namespace: n}
	if _, err := dialWith(t, at, o); err != nil { // the kernel learns the server's cookie
		t.Fatal(err)
	}
	_ = unix.Close(listening)
	var listen func()
	if err := n.Do(func() error { at, listen = unansweredServer(t); return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(at, DialOptions{Socket: o, Timeout: 50 * time.Millisecond}, []byte("hello"))
	if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("dialed: %v, want a timeout", err)
	}
	g := newGuide(1, map[Event]func(*scriptedHandler, News) Step{
		Received: func(g *scriptedHandler, _ News) Step {
			return Step{Do: Connect, To: at, First: g.hello, Socket: o}
		},
		Connected: relayMinute,
	})
	client := arrive(t, g)
	send(t, client, "hello")
	g.expect(t, Received)
	send(t, client, ", world")
	time.Sleep(20 * time.Millisecond) // the SYN has been sent
	listen()
	g.expect(t, Connected)
	client.CloseWrite()
	receiveEnd(t, client, "hello, world")
	check(t, <-g.result, Client, Closed, 12, 12)
}

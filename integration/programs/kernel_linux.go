// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Refusing returns an address that refuses connects until the test ends: it is bound, so that no
// other process gets its port.
func Refusing(t testing.TB) netip.AddrPort {
	t.Helper()
	_, at := bound(t)
	return at
}

// Unanswering returns the address of a listener whose queue is full: until the test ends, connects
// to it get no answer.
func Unanswering(t testing.TB) (address string) {
	t.Helper()
	fd, at := bound(t)
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	d := new(net.Dialer) // the queue has room for one, however busy this machine is
	for range 8 {
		c, err := d.Dial("tcp", at.String())
		if err != nil {
			return at.String()
		}
		t.Cleanup(func() { _ = c.Close() })
		d.Timeout = 200 * time.Millisecond
	}
	t.Fatal("the queue does not fill up")
	return ""
}

// bound returns a socket that is bound to a port of its own until the test ends.
func bound(t testing.TB) (fd int, at netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	v4 := name.(*unix.SockaddrInet4)
	return fd, netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port))
}

// MaxBacklog returns the system's limit of the backlog of a listening socket.
func MaxBacklog(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

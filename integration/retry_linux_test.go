// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A server that does not answer costs the connect timeout, not more.
func TestConnectTimeout(t *testing.T) {
	p, address := startServers(t, "retries 1\n timeouts connect 300ms", deaf(t))
	answer, took, err := stimulus{say: hellotest.Hello(t, "www.example.test")}.play(t, address)
	if err != nil || string(answer) != "\x15\x03\x01\x00\x02\x02\x50" {
		t.Errorf("the client got %q (%v)", answer, err)
	}
	l := p.sessions(t, 1)[0]
	if l.Termination != "sC" || l.End != "connect_timeout" || l.Retries != 1 || took < 600*time.Millisecond {
		t.Errorf("took %v, log line %+v", took, l)
	}
}

// deaf returns the address of a listener whose queue is full: connects to it get no answer.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	d := new(net.Dialer) // the queue has room for one, however busy this machine is
	for {
		c, err := d.Dial("tcp", address)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
		d.Timeout = 200 * time.Millisecond
	}
}

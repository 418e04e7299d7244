// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// network is a server and a client in network namespaces of their own, with two links between them,
// dur1 and dur2. The names of both ends of a link are its own. The server has these addresses:
//
//	10.77.1.1, fd77:1::1   on dur1
//	10.77.2.1, fd77:2::1   on dur2
//	10.77.9.9, fd77:9::9   on its loopback interface, which the client reaches over either link
type network struct {
	t              *testing.T
	server, client string // names of the namespaces
	in             *netns.Namespace
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, server: fmt.Sprintf("durs%d", os.Getpid()), client: fmt.Sprintf("durc%d", os.Getpid())}
	for _, name := range []string{n.server, n.client} {
		if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
			t.Skipf("it takes the privilege to make network namespaces: %v: %s", err, out)
		}
		t.Cleanup(func() { n.ip("netns del %s", name) })
	}
	n.address()
	n.link(1)
	n.link(2)
	var err error
	if n.in, err = netns.Open(n.client); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.in.Close() })
	return n
}

// address gives the server the address of its loopback interface.
func (n *network) address() {
	n.t.Helper()
	n.ip("-n %s link set lo up", n.server)
	n.ip("-n %s addr add 10.77.9.9/32 dev lo", n.server)
	n.ip("-n %s addr add fd77:9::9/128 dev lo", n.server)
}

// link makes a link between the server and the client.
func (n *network) link(number int) {
	n.t.Helper()
	link := fmt.Sprintf("dur%d", number)
	n.ip("-n %s link add %s type veth peer name %[2]s netns %s", n.server, link, n.client)
	for host, ns := range []string{n.server, n.client} {
		n.ip("-n %s addr add 10.77.%d.%d/24 dev %s", ns, number, host+1, link)
		n.ip("-n %s addr add fd77:%d::%d/64 dev %s nodad", ns, number, host+1, link)
		n.ip("-n %s link set %s up", ns, link)
	}
	n.ip("-n %s route add 10.77.9.9/32 dev %s metric %d", n.client, link, number)
	n.ip("-n %s route add fd77:9::9/128 via fd77:%d::1 dev %s metric %[2]d", n.client, number, link)
}

// ip runs the command of that name.
func (n *network) ip(format string, args ...any) {
	n.t.Helper()
	line := fmt.Sprintf(format, args...)
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", line, err, out)
	}
}

// dial connects from the client over a link.
func (n *network) dial(link string, to netip.AddrPort) (conn net.Conn, err error) {
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), link) })
		return err
	}}
	err = n.in.Do(func() (err error) {
		conn, err = d.Dial("tcp", to.String())
		return err
	})
	return conn, err
}

// ask returns the answer that the client gets over a link.
func (n *network) ask(link string, to netip.AddrPort) (byte, error) {
	conn, err := n.dial(link, to)
	if err != nil {
		return 0, err
	}
	return answerOf(conn)
}

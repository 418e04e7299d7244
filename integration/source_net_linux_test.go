// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// sourceNet is three network namespaces: a client, the proxy and a server. The proxy has two links
// to the server, of which its routes prefer the first. What the server sends to addresses beyond
// the proxy is delivered to sockets there that have them.
type sourceNet struct {
	client, proxy, server *island

	mu   sync.Mutex
	seen map[string]bool // the addresses that connections without a word came from: checks
}

const (
	clientFour, clientSix = "198.51.100.7", "2001:db8:1::7"
	frontFour, frontSix   = "198.51.100.1", "2001:db8:1::1"
	serverFour, serverSix = "10.99.0.2", "2001:db8:99::2"
)

func newSourceNet(t *testing.T) *sourceNet {
	t.Helper()
	n := &sourceNet{seen: make(map[string]bool)}
	for name, at := range map[string]**island{"client": &n.client, "proxy": &n.proxy, "server": &n.server} {
		*at = &island{name: fmt.Sprintf("source%s%d", name, os.Getpid())}
		if err := ip(t, "netns", "add", (*at).name); err != nil {
			t.Skip("no privilege to create network namespaces: ", err)
		}
		t.Cleanup(func() { _ = ip(t, "netns", "del", (*at).name) })
	}
	n.link(t, n.client, n.proxy, "front", "198.51.100.%d/24", "2001:db8:1::%d/64", 7, 1)
	n.link(t, n.server, n.proxy, "first", "10.77.0.%d/24", "2001:db8:77::%d/64", 2, 1)
	n.link(t, n.server, n.proxy, "second", "10.78.0.%d/24", "2001:db8:78::%d/64", 2, 1)
	const script = `
server addr add 10.99.0.2/32 dev lo
server addr add 2001:db8:99::2/128 dev lo
server route add default via 10.77.0.1
server -6 route add default via 2001:db8:77::1
proxy addr add 10.77.0.9/24 dev first
proxy addr add 2001:db8:77::9/64 dev first nodad preferred_lft 0
proxy route add 10.99.0.2 via 10.77.0.2 metric 1
proxy route add 10.99.0.2 via 10.78.0.2 metric 2
proxy -6 route add 2001:db8:99::2 via 2001:db8:77::2 metric 1
proxy -6 route add 2001:db8:99::2 via 2001:db8:78::2 metric 2
proxy rule add iif first lookup 100
proxy route add local default dev lo table 100
proxy -6 rule add iif first lookup 100
proxy -6 route add local default dev lo table 100
`
	for line := range strings.Lines(script) {
		if words := strings.Fields(line); len(words) > 0 {
			at := map[string]*island{"proxy": n.proxy, "server": n.server}[words[0]]
			if err := ip(t, append([]string{"-n", at.name}, words[1:]...)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

// link connects two islands. The addresses have last numbers a and b.
func (n *sourceNet) link(t *testing.T, a, b *island, name, four, six string, lastA, lastB int) {
	t.Helper()
	if err := ip(t, "-n", a.name, "link", "add", name, "type", "veth", "peer", "name", name, "netns", b.name); err != nil {
		t.Fatal(err)
	}
	for at, last := range map[*island]int{a: lastA, b: lastB} {
		for _, args := range [][]string{
			{"link", "set", "lo", "up"},
			{"link", "set", name, "up"},
			{"addr", "add", fmt.Sprintf(four, last), "dev", name},
			{"addr", "add", fmt.Sprintf(six, last), "dev", name, "nodad"},
		} {
			if err := ip(t, append([]string{"-n", at.name}, args...)...); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// serve answers each connection's first line with the address that it comes from, and then holds
// the connection until the other end closes it.
func (n *sourceNet) serve(c net.Conn) {
	defer c.Close()
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		if host, _, err := net.SplitHostPort(c.RemoteAddr().String()); err == nil {
			n.seen[host] = true
		}
		return
	}
	seen := c.RemoteAddr().String()
	if c.RemoteAddr().Network() == "unix" {
		seen = "127.0.0.1:1"
	}
	fmt.Fprintln(c, seen)
	_, _ = io.Copy(io.Discard, c)
}

// listen serves at an address in the server's namespace.
func (n *sourceNet) listen(t *testing.T, address string) {
	t.Helper()
	n.accept(n.server.listen(t, address))
}

func (n *sourceNet) accept(ln net.Listener) {
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go n.serve(c)
		}
	}()
}

// checked reports whether a check has come from an address.
func (n *sourceNet) checked(host string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[host]
}

// ask connects the client to the proxy and returns the connection, its own address, and the address
// that the server has seen. header is sent first.
func (n *sourceNet) ask(address string, header ...string) (c net.Conn, own, seen netip.AddrPort, err error) {
	if c, err = n.client.dial(address); err != nil {
		return nil, own, seen, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	own = c.LocalAddr().(*net.TCPAddr).AddrPort()
	fmt.Fprintln(c, strings.Join(header, "")+"hello")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil {
		seen, err = netip.ParseAddrPort(strings.TrimSpace(line))
	}
	if err != nil {
		c.Close()
	}
	return c, own, seen, err
}

// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// enterLinks moves the test to a network namespace with two links, sock1 and sock2, to a client in
// another one, and makes a third. The client reaches 10.78.9.9 over both links, and has routes over
// sock1 to addresses that this system does not have, but takes the packets of.
func enterLinks(t *testing.T) (client, third *netns.Namespace) {
	t.Helper()
	enterNamespace(t, "sockets", true)
	run := func(format string, args ...any) {
		t.Helper()
		if err := ip(t, strings.Fields(fmt.Sprintf(format, args...))...); err != nil {
			t.Fatal(err)
		}
	}
	open := func(name string) *netns.Namespace {
		name = fmt.Sprintf("%s%d", name, os.Getpid())
		run("netns add %s", name)
		t.Cleanup(func() { _ = ip(t, "netns", "del", name) })
		ns, err := netns.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ns.Close() })
		run("-n %s link set lo up", name)
		return ns
	}
	client, third = open("sockc"), open("sockx")
	run("addr add 10.78.9.9/32 dev lo")
	for i, link := range []string{"sock1", "sock2"} {
		run("link add %s type veth peer name %[1]s netns %s", link, client.Name())
		run("addr add 10.78.%d.1/24 dev %s", i+1, link)
		run("link set %s up", link)
		run("-n %s addr add 10.78.%d.2/24 dev %s", client.Name(), i+1, link)
		run("-n %s link set %s up", client.Name(), link)
		run("-n %s route add 10.78.9.9/32 dev %s metric %d", client.Name(), link, i+1)
	}
	run("-n %s route add 198.51.100.0/24 via 10.78.1.1", client.Name())
	run("rule add iif sock1 lookup 100")
	run("route add local 198.51.100.0/24 dev lo table 100")
	return client, third
}

// askedIn works like asked, from a namespace, over a link if one is named.
func askedIn(ns *netns.Namespace, link, address string) (answer string) {
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) {
			if link != "" {
				err = unix.BindToDevice(int(fd), link)
			}
		})
		return err
	}}
	var c net.Conn
	err := ns.Do(func() (err error) {
		c, err = d.Dial("tcp", address)
		return err
	})
	if err != nil {
		return "refused"
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	b := make([]byte, 1)
	if _, err := io.ReadFull(c, b); err != nil {
		return err.Error()
	}
	return string(b)
}

// Interfaces, namespaces and foreign addresses of binds lead to the same frontends as in HAProxy,
// at the start and from each configuration to the next.
func TestPlacesOfBinds(t *testing.T) {
	haproxy := programs.Need(t, "haproxy")
	program.Path(t) // built outside of the namespace
	const port = 15444
	client, third := enterLinks(t)
	configs := [][2]string{ // the binds of two frontends
		{"10.78.9.9:P interface sock1", "10.78.9.9:P interface sock2"},
		{"*:P interface sock1", "10.78.9.9:P"},
		{"*:P", "10.78.9.9:P interface sock2"},
		{"198.51.100.9:P transparent", "*:P"},
		{"*:P transparent", "10.78.9.9:P interface sock1"},
		{"127.0.0.1:P namespace X", "127.0.0.1:P"},
		{"*:P namespace X", "*:P interface sock2"},
		{"*:P interface sock1", "*:P interface sock2"},
	}
	write := func(dir string, binds [2]string) {
		text := "defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
		for i, name := range []string{"a", "b"} {
			bind := strings.NewReplacer("P", fmt.Sprint(port), "X", third.Name()).Replace(binds[i])
			text += fmt.Sprintf("frontend %s\n bind %s\n default_backend %[1]s\nbackend %[1]s\n server s %[3]s\n", name, bind,
				listen(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, name) }))
		}
		if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// An address of others is not asked for if nothing has it: the system does not answer either.
	foreign := map[string][]string{"198.51.100.9:P transparent": {"198.51.100.9"}, "*:P transparent": {"198.51.100.9", "198.51.100.10"}}
	outcome := func(binds [2]string) (seen string) {
		for _, link := range []string{"sock1", "sock2"} {
			seen += fmt.Sprintf(" %s:%s", link, askedIn(client, link, fmt.Sprintf("10.78.9.9:%d", port)))
		}
		for _, host := range foreign[binds[0]] {
			seen += fmt.Sprintf(" %s:%s", host, askedIn(client, "", fmt.Sprintf("%s:%d", host, port)))
		}
		local := fmt.Sprintf("127.0.0.1:%d", port)
		return seen + fmt.Sprintf(" here:%s there:%s", asked(local), askedIn(third, "", local))
	}
	want := make(map[[2]string]string)
	for _, binds := range configs {
		dir := t.TempDir()
		write(dir, binds)
		want[binds] = byHAProxy(t, haproxy, dir, func() string { return outcome(binds) })
	}
	p := &process{dir: t.TempDir(), admin: "127.0.0.1:2019", done: make(chan struct{}), more: make(chan struct{})}
	for i, binds := range append(configs, configs...) {
		write(p.dir, binds)
		if i == 0 {
			p.haproxyConfig(t)
		} else if err := p.loadHAProxyConfig(); err != nil {
			t.Fatalf("%q: %v", binds, err)
		}
		// A new address beside others listens a moment after the configuration runs.
		got := outcome(binds)
		for over := time.Now().Add(patience); got != want[binds] && time.Now().Before(over); got = outcome(binds) {
			time.Sleep(time.Millisecond)
		}
		if got != want[binds] {
			t.Errorf("%q: HAProxy%s, ours%s", binds, want[binds], got)
		}
	}
	t.Logf("%d reloads: %q", 2*len(configs)-1, want)
}

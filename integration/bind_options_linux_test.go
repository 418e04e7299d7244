// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// Clients see the segment size of a bind, and TCP Fast Open, as with HAProxy.
func TestSocketOptionsOfBinds(t *testing.T) {
	haproxy := programs.Need(t, "haproxy")
	program.Path(t)
	const port = 15445
	client, _ := enterLinks(t)
	for _, name := range []string{"", client.Name()} {
		args := []string{"sysctl", "-qw", "net.ipv4.tcp_fastopen=3"}
		if name != "" {
			args = append([]string{"ip", "netns", "exec", name}, args...)
		}
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	server := listen(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, "a") })
	to := netip.AddrPortFrom(netip.MustParseAddr("10.78.1.1"), port)
	write := func(dir, options string) {
		text := fmt.Sprintf("defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\nlisten l\n bind %s %s\n server s %s\n", to, options, server)
		if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := func() (all string) {
		for range 2 { // the first one gets the cookie for the second
			answer, size, early := fastOpened(t, client, to)
			all = fmt.Sprintf(":%s mss %d, early data taken: %t", answer, size, early)
		}
		return all
	}
	configs := []string{"", "mss 700", "tfo", "mss 900 tfo", "mss 500 defer-accept"}
	want := make(map[string]string)
	for _, options := range configs {
		dir := t.TempDir()
		write(dir, options)
		want[options] = byHAProxy(t, haproxy, dir, seen)
	}
	p := &process{dir: t.TempDir(), admin: "127.0.0.1:2019", done: make(chan struct{}), more: make(chan struct{})}
	for i, options := range append(configs, configs...) {
		write(p.dir, options)
		if i == 0 {
			p.haproxyConfig(t)
		} else if err := p.loadHAProxyConfig(); err != nil {
			t.Fatalf("%q: %v", options, err)
		}
		if got := seen(); got != want[options] {
			t.Errorf("%q: HAProxy %s, ours %s", options, want[options], got)
		}
	}
	t.Logf("%q", want)
}

// fastOpened sends a byte with the SYN, and returns the answer, the segment size that the other end
// has announced, and whether it took the byte before the handshake was over.
func fastOpened(t *testing.T, ns *netns.Namespace, to netip.AddrPort) (answer string, size int, early bool) {
	t.Helper()
	var fd int
	err := ns.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	})
	defer func() { _ = unix.Close(fd) }()
	if err != nil {
		return "refused", 0, false
	}
	b := make([]byte, 1)
	if n, err := unix.Read(fd, b); n != 1 {
		return fmt.Sprint(err), 0, false
	}
	if size, err = unix.GetsockoptInt(fd, unix.SOL_TCP, unix.TCP_MAXSEG); err != nil {
		t.Fatal(err)
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	const synData = 32 // TCPI_OPT_SYN_DATA
	return string(b), size, info.Options&synData != 0
}

// What the kernel refuses is an error at load, which names the bind and the option; the
// configuration that runs stays.
func TestRefusedSocketOptions(t *testing.T) {
	address := freeAddress(t)
	config := func(options string) string {
		return fmt.Sprintf("passthrough {\nfrontend tls {\nbind %s {\n%s\n}\ndefault_backend b\non timeout default\ninspect_delay 1ms\n}\nbackend b {\nserver s %s\n}\n}",
			address, options, listen(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, "a") }))
	}
	p := start(t, config("mss 1400"), "")
	for options, want := range map[string]string{
		"interface nosuchif":  `bind ` + address + `: listening on \"durable/` + address + `\": interface \"nosuchif\": `,
		"namespace nosuchns":  `bind ` + address + `: listening on \"durable/` + address + `\": namespace: opening network namespace \"nosuchns\": `,
		"tcp_user_timeout 1h": "",
	} {
		err := p.reload(t, config(options), "")
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", options, err, want)
		}
		if got := asked(address); got != "a" {
			t.Errorf("%s: then %s", options, got)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/goleak"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

const patience = time.Minute

// The relay's shards live as long as the process; Caddy's storage keeps a lock for 5 s longer.
func TestMain(m *testing.M) {
	programs.VerifyNoLeaks(m, goleak.IgnoreAnyFunction("github.com/caddy-passthrough/caddy-passthrough/modules/relay.(*shard).run"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

// open listens on 127.0.0.1, on an unused port for port 0, and closes with the test.
func open(t testing.TB, port int) net.Listener {
	t.Helper()
	if port == 0 {
		port = unused(t)
	}
	got, err := listen(t.Context(), "durable", "127.0.0.1", strconv.Itoa(port), 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ln := got.(net.Listener)
	t.Cleanup(func() { ln.Close() })
	return ln
}

// unused returns a port that no other program is given while no socket of the test has it, unlike
// one picked by the kernel.
func unused(t testing.TB) int {
	t.Helper()
	port, err := programs.Port()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func portOf(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

func dial(t testing.TB, ln net.Listener) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(portOf(ln))), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// users returns the number of listeners that share a port; 0 for a closed socket.
func users(port int) (n int) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	for _, s := range sockets {
		if addr, ok := s.kernel.Addr().(*net.TCPAddr); ok && addr.Port == port {
			n += len(s.users)
		}
	}
	return n
}

func TestResolve(t *testing.T) {
	for _, tc := range []struct {
		host, ports string
		offset      uint
		want        string // or a part of the error
	}{
		{"127.0.0.1", "8443", 0, "127.0.0.1:8443"},
		{"127.0.0.1", "8443-8446", 3, "127.0.0.1:8446"},
		{"localhost", "1", 0, "127.0.0.1:1"},
		{"::ffff:127.0.0.1", "1", 0, "127.0.0.1:1"},
		{"0:0:0:0:0:0:0:1", "1", 0, "[::1]:1"},
		{"fe80::1%lo", "443", 0, "[fe80::1%lo]:443"},
		{"", "65535-65535", 1, "invalid port"},
		{"", "x", 0, `parsing port "x"`},
		{"no.such.host.invalid", "1", 0, `resolving address "no.such.host.invalid"`},
		{"udp/3", "0", 0, `durable: "udp/3": expected durable/HOST:PORT, durable/unix//PATH or durable/fd/NUMBER`},
		{"fd/3", "443", 0, "fd/3"},
		{"fd/03", "0", 0, "fd/3"},
		{"fd/-1", "0", 0, `durable: "fd/-1": expected durable/fd/ and the number of a descriptor`},
		{"unix//run/x.sock", "443", 0, "unix//run/x.sock"},
		{"unix//run/x.sock|0222", "0", 0, "unix//run/x.sock"},
		{"unix/@x", "0", 0, "unix/@x"},
		{"abns/x", "0", 0, "abns/x"},
		{"abns/", "0", 0, `durable: "abns/": expected a name of 1 to 107 bytes after abns/`},
		{"abns/" + strings.Repeat("x", 106), "0", 0, "abns/" + strings.Repeat("x", 106)},
		{"abns/" + strings.Repeat("x", 108), "0", 0, `expected a name of 1 to 107 bytes`},
		{"unix/", "0", 0, `durable: Unix socket "": expected a path`},
		{"unix//run/x.sock|0444", "0", 0, `durable: mode "0444" of Unix socket /run/x.sock: expected an octal number`},
		{"unix//run/x.sock|01222", "0", 0, `durable: mode "01222"`},
		{"unix//run/x.sock|rw", "0", 0, `durable: mode "rw"`},
	} {
		got, _, err := resolve("durable", tc.host, tc.ports, tc.offset)
		if err != nil && strings.Contains(err.Error(), tc.want) {
			continue
		}
		if err != nil || len(got) != 1 || got[0].String() != "durable/"+tc.want {
			t.Errorf("resolve(%q, %q, %d) = %v, %v; want %s", tc.host, tc.ports, tc.offset, got, err, tc.want)
		}
	}
}

// The wildcard of both IP versions is two sockets, however it is spelled; a specific address is one
// socket, with any network.
func TestResolveFamilies(t *testing.T) {
	for _, host := range []string{"", "0.0.0.0", "::"} {
		for network, want := range map[string]string{
			"durable":  "[durable4/:443 durable6/:443]",
			"durable4": "[durable4/:443]",
			"durable6": "[durable6/:443]",
		} {
			if host == "::" && network == "durable4" || host == "0.0.0.0" && network == "durable6" {
				continue // TestAddressOfTheOtherFamily
			}
			got, _, err := resolve(network, host, "443", 0)
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s/%s: %v, %v, want %s", network, host, got, err, want)
			}
		}
	}
	for host, family := range map[string]string{"127.0.0.1": "durable4", "::1": "durable6", "unix//run/x": "durable6", "fd/3": "durable4"} {
		one, _, err := resolve("durable", host, "443", 0)
		other, _, err2 := resolve(family, host, "443", 0)
		if err != nil || err2 != nil || one[0] != other[0] {
			t.Errorf("%s: durable is %v, %s is %v (%v, %v)", host, one, family, other, err, err2)
		}
	}
}

func TestPortRange(t *testing.T) {
	// Three adjacent ports are easily found below the ports that the kernel and programs.Port hand
	// out.
	for range 100 {
		first := 10000 + rand.IntN(1990)
		addr := caddy.NetworkAddress{
			Network: "durable", Host: "127.0.0.1",
			StartPort: uint(first), EndPort: uint(first + 2),
		}
		lns, err := addr.ListenAll(t.Context(), net.ListenConfig{})
		if err != nil {
			continue
		}
		for i, ln := range lns {
			if got := portOf(ln.(net.Listener)); got != first+i {
				t.Errorf("listener %d has port %d, want %d", i, got, first+i)
			}
			if err := ln.(net.Listener).Close(); err != nil {
				t.Error(err)
			}
		}
		if len(lns) != 3 {
			t.Errorf("got %d listeners, want 3", len(lns))
		}
		return
	}
	t.Fatal("no three neighbouring ports are free")
}

func TestAddressInUse(t *testing.T) {
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	port := strconv.Itoa(portOf(foreign))
	got, err := listen(t.Context(), "durable", "127.0.0.1", port, 0, net.ListenConfig{})
	if got != nil || err == nil || !strings.Contains(err.Error(), `"durable/127.0.0.1:`+port+`"`) {
		t.Errorf("got %v, %v; want an error that names the address", got, err)
	}
}

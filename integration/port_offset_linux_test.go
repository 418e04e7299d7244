// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// Behind a range of ports, a server is reached on the client's port, or on one a fixed offset above
// or below it. HAProxy and our program have the same configuration, each on its own loopback
// address.
func TestPortOffsetsAsHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := programs.Need(t, "haproxy")
	base := rangeOfServers(t, "127.0.94.9", 20, 8)
	config := func(ip string) string {
		return fmt.Sprintf(`defaults
	mode tcp
	timeout connect 5s
	timeout client 10s
	timeout server 10s
frontend in
	bind %[1]s:%[2]d-%[3]d
	use_backend up if { dst_port %[2]d:%[4]d }
	use_backend down if { dst_port %[3]d }
	default_backend same
backend same
	server s 127.0.94.9
backend up
	server s 127.0.94.9:+2
backend down
	server s 127.0.94.9:-6
`, ip, base, base+7, base+1)
	}
	dir := runHAProxyConfig(t, map[string]string{"haproxy.cfg": config("127.0.94.2"), "theirs.cfg": config("127.0.94.1")})
	startHAProxy(t, haproxy, filepath.Join(dir, "theirs.cfg"))
	for came, want := range []int{2, 3, 2, 3, 4, 5, 6, 1} {
		for _, ip := range []string{"127.0.94.1", "127.0.94.2"} {
			at := net.JoinHostPort(ip, strconv.Itoa(base+came))
			got := greeting(at)
			for deadline := time.Now().Add(20 * time.Second); got != strconv.Itoa(want) && time.Now().Before(deadline); got = greeting(at) {
				time.Sleep(50 * time.Millisecond)
			}
			if got != strconv.Itoa(want) {
				t.Errorf("%s, port %d of the range: greeted by %s, want %d", ip, came, got, want)
			}
		}
	}
}

// rangeOfServers listens on n consecutive ports, each of which greets with its index, and returns
// the first.
func rangeOfServers(t *testing.T, ip string, tries, n int) (base int) {
	t.Helper()
	for range tries {
		listeners := make([]net.Listener, 0, n)
		base = 0
		for i := range n {
			port := "0"
			if base > 0 {
				port = strconv.Itoa(base + i)
			}
			ln, err := net.Listen("tcp", net.JoinHostPort(ip, port))
			if err != nil {
				break
			}
			listeners = append(listeners, ln)
			if base == 0 {
				base = ln.Addr().(*net.TCPAddr).Port
			}
		}
		if len(listeners) == n {
			for i, ln := range listeners {
				t.Cleanup(func() { _ = ln.Close() })
				go greetAll(ln, strconv.Itoa(i))
			}
			return base
		}
		for _, ln := range listeners {
			_ = ln.Close()
		}
	}
	t.Fatalf("no %d consecutive free ports", n)
	return 0
}

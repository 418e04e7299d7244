// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestHeadersOfZonesAndDualStack connects to a frontend at [::] over IPv4, IPv6 and link-local
// addresses, with servers at each of them. A header has an IPv4 client as such, and no zones, which
// mean nothing elsewhere.
func TestHeadersOfZonesAndDualStack(t *testing.T) {
	t.Parallel()
	n := newIsland(t, "")
	for _, address := range []string{"fe80::7/64", "10.77.0.1/24"} {
		if err := ip(t, "-n", n.name, "addr", "add", address, "dev", "lo"); err != nil {
			t.Skip("no IPv6 on this machine: ", err)
		}
	}
	servers := map[string]string{"four": "127.0.0.1:9443", "six": "[::1]:9443", "zone": "[fe80::7%lo]:9443"}
	var backends strings.Builder
	for name, at := range servers {
		go accept(n.listen(t, at), echoBehindHeader)
		for _, version := range []string{"1", "2"} {
			fmt.Fprintf(&backends, "backend %s%s.example.test {\n server s1 %s send_proxy v%s\n }\n", name, version, at, version)
		}
	}
	p := new(process)
	p.wrap = []string{"ip", "netns", "exec", n.name}
	p.start(t, "passthrough {\nfrontend tls {\n bind [::]:8443\n use_backend {l4.client_hello.sni}\n }\n"+backends.String()+"}", "")
	count := 0
	for _, to := range []string{"127.0.0.1", "10.77.0.1", "::1", "fe80::7%lo"} {
		for name := range servers {
			for _, version := range []string{"1", "2"} {
				c, err := n.dial(net.JoinHostPort(to, "8443"))
				if err != nil {
					t.Fatal(err)
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				hello := hellotest.Hello(t, name+version+".example.test")
				got := talkOn(c, hello, 1<<20, true)
				c.Close()
				count++
				host, _, _ := strings.Cut(to, "%")
				_, port, _ := net.SplitHostPort(got.from())
				want := fmt.Sprintf("v%s %s %s", version, net.JoinHostPort(host, port), net.JoinHostPort(host, "8443"))
				if header, rest := got.described(); header != want || !bytes.Equal(rest, hello) {
					t.Errorf("to %s, %s%s: got %q and %d bytes (%v), want %q", to, name, version, header, len(rest), got.err, want)
				}
			}
		}
	}
	for _, l := range p.sessions(t, count) {
		if l.Termination != "--" {
			t.Errorf("log line %+v", l)
		}
	}
}

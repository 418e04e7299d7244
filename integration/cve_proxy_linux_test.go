// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestCVE_2024_23325: Envoy crashed when a header named an IPv6 client on a host without IPv6. Here
// the addresses of a header are never those of a socket.
func TestCVE_2024_23325(t *testing.T) {
	t.Parallel()
	n := newIsland(t, "")
	if err := n.in(func() error {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0); err != nil {
			return err
		}
		if ln, err := net.Listen("tcp6", "[::1]:0"); err == nil {
			ln.Close()
			t.Error("the namespace has IPv6")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	go accept(n.listen(t, "127.0.0.1:9443"), sendBack)
	p := new(process)
	p.wrap = []string{"ip", "netns", "exec", n.name}
	p.start(t, receiver("127.0.0.1:8443", "127.0.0.1:9443", "use_backend web acl src 2001:db8::/32"), "")
	hello := hellotest.Hello(t, "www.example.test")
	for i, header := range [][]byte{[]byte(lineOf6), headerV2(proxyCommand, tcp6, addresses6()), checksummed(proxyCommand, tcp6, addresses6())} {
		c, err := n.dial("127.0.0.1:8443")
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		got := talkOn(c, slices.Concat(header, hello), 1<<20, true)
		c.Close()
		if l := p.byPeer(t, i+1)[got.from()]; !bytes.Equal(got.answer, hello) || l.Client != clientOf6 || l.Local != serverOf6 || l.Termination != "--" {
			t.Errorf("%q: %d bytes (%v), log line %+v", header, len(got.answer), got.err, l)
		}
	}
}

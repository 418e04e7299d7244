// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// connectedTo connects to a server.
func connectedTo(c *connection, b *balancer.Backend, s *pool.Server, o relay.DialOptions) (net.Conn, error) {
	to, err := c.destination(b, s)
	if err != nil {
		return nil, err
	}
	return to.dial(o, c.hello.Bytes())
}

// Servers are dialled in the same way whatever form their address has: the hello goes with the
// connect, and keepalive is on only if it was asked for.
func TestEveryAddressIsDialledAlike(t *testing.T) {
	at, received := frontendtest.Listening(t, "tcp", "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "s")
	_, receivedThere := frontendtest.Listening(t, "unix", path)
	frontendtest.Answers(t, func(string) []string { return []string{"127.0.0.1"} })
	_, port, _ := net.SplitHostPort(at.String())
	raw := hellotest.Plain(hellotest.SNI("web.test")).Raw()
	for _, address := range []string{at.String(), "web.test:" + port, "tcp4/web.test:" + port, "{l4.client_hello.sni}:" + port, "tcp4/{l4.client_hello.sni}:" + port, "unix/" + path} {
		for _, patient := range []bool{false, true} {
			conn, err := connectedTo(dialing(t, raw), &balancer.Backend{AllowLocalAddresses: true}, &pool.Server{ServerConfig: pool.ServerConfig{Address: address}}, relay.DialOptions{Timeout: time.Minute, KeepAlive: patient})
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			defer conn.Close()
			from, kept := received, patient
			if strings.HasPrefix(address, "unix/") {
				from, kept = receivedThere, false
			}
			if got := <-from; got != string(raw) {
				t.Errorf("%s: the server got %x before anything else was sent, want the hello", address, got)
			}
			socket, own := conn.(*relay.Socket)
			if !own {
				t.Errorf("%s: dialled is a %T", address, conn)
				continue
			}
			if on := keepsAlive(t, socket); on != kept {
				t.Errorf("%s: keepalive is %v, want %v", address, on, kept)
			}
		}
	}
}

func keepsAlive(t *testing.T, s *relay.Socket) (on bool) {
	t.Helper()
	raw, _ := s.SyscallConn()
	if err := raw.Control(func(fd uintptr) {
		value, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		if on = value != 0; err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return on
}

// A server's name is looked up once, not for each connection.
func TestNoLookupPerConnection(t *testing.T) {
	at, _ := frontendtest.Listening(t, "tcp", "127.0.0.1:0")
	var four, six atomic.Int64
	frontendtest.AnswersOf(t, func(_ string, f resolve.Family) ([]netip.Addr, error) {
		if f == resolve.IPv6 {
			six.Add(1)
			return nil, nil
		}
		four.Add(1)
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	})
	_, port, _ := net.SplitHostPort(at.String())
	for _, address := range []string{"web.test:" + port, "{l4.client_hello.sni}:" + port} {
		for range 20 {
			c := dialing(t, hellotest.Plain(hellotest.SNI("web.test")).Raw())
			conn, err := connectedTo(c, &balancer.Backend{AllowLocalAddresses: true}, &pool.Server{ServerConfig: pool.ServerConfig{Address: address}}, relay.DialOptions{Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
	}
	if four, six := four.Load(), six.Load(); four != 2 || six != 2 {
		t.Errorf("%d and %d lookups for 40 connections, want one for the server and one for the client's", four, six)
	}
}

// A client that leaves during a DNS lookup is noticed.
func TestSlowLookupNoticesLeavingClient(t *testing.T) {
	c := dialing(t, hellotest.Plain().Raw())
	over := make(chan struct{})
	defer close(over)
	frontendtest.AnswersOf(t, func(string, resolve.Family) ([]netip.Addr, error) {
		<-over
		return nil, nil
	})
	leaves := func() { close(c.gone) }
	_, err := connectedTo(c, &balancer.Backend{AllowLocalAddresses: true}, &pool.Server{ServerConfig: pool.ServerConfig{Address: "web.test:1"}}, relay.DialOptions{Cancel: c.gone, Slow: sync.OnceFunc(leaves)})
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed", err)
	}
}

// One attempt tries a server's addresses in the preferred order, and only those of the wanted
// family.
func TestAddressesTriedInPreferredOrder(t *testing.T) {
	_, port, _ := net.SplitHostPort(programs.Address(t)) // no server listens at 127.0.0.1
	at, _ := frontendtest.Listening(t, "tcp", "127.0.0.2:"+port)
	sixth, _ := frontendtest.Listening(t, "tcp6", "[::1]:"+port)
	frontendtest.AnswersOf(t, func(_ string, f resolve.Family) ([]netip.Addr, error) {
		if f == resolve.IPv6 {
			return []netip.Addr{netip.IPv6Loopback()}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
	})
	for _, c := range []struct{ address, prefer, want string }{
		{"tcp4/web.test:", "", at.String()},
		{"tcp6/web.test:", "ipv4", sixth.String()},
		{"web.test:", "ipv6", sixth.String()},
		{"web.test:", "ipv4", at.String()},
		{"web.test:", "", sixth.String()},
	} {
		s := &pool.Server{ServerConfig: pool.ServerConfig{Address: c.address + port, Naming: pool.Naming{ResolvePrefer: c.prefer}}}
		conn, err := connectedTo(dialing(t, hellotest.Plain().Raw()), &balancer.Backend{AllowLocalAddresses: true}, s, relay.DialOptions{Timeout: time.Minute})
		if err != nil {
			t.Errorf("%s %s: %v", c.address, c.prefer, err)
			continue
		}
		if got := conn.RemoteAddr().String(); got != c.want {
			t.Errorf("%s %s: connected to %s, want %s", c.address, c.prefer, got, c.want)
		}
		conn.Close()
	}
}

// A shortage of the proxy's own does not count against a server.
func TestProxyShortageIsNotAgainstServer(t *testing.T) {
	for _, c := range []struct {
		err  error
		want pool.Outcome
	}{
		{unix.ECONNREFUSED, pool.ConnectFailed},
		{os.ErrDeadlineExceeded, pool.ConnectFailed},
		{unix.EMFILE, pool.NotTried},
		{unix.EADDRNOTAVAIL, pool.NotTried},
		{&resolve.Error{Host: "web.test", Err: os.ErrDeadlineExceeded}, pool.NotTried},
	} {
		if end, _ := connectEnd(c.err); outcomeOf(end) != c.want {
			t.Errorf("%v is %v: %d, want %d", c.err, end, outcomeOf(end), c.want)
		}
	}
}

var elsewhere = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}

// The frontend's port is refused on every address of this system. Otherwise a frontend with two
// addresses would pass a connection between them without end.
func TestOwnPortIsRefused(t *testing.T) {
	for address, want := range map[string]bool{
		"192.0.2.1:443": true, "0.0.0.0:443": true, "[::]:443": true, "127.0.0.1:443": true, "127.9.9.9:443": true, "[::1]:443": true,
		"[::ffff:127.0.0.1]:443": true, "198.51.100.77:443": false, "192.0.2.1:444": false, "0.0.0.0:444": false, "[2001:db8::1]:443": false,
	} {
		if got := leadsBack(netip.MustParseAddrPort(address), elsewhere); got != want {
			t.Errorf("%s: %v, want refused: %v", address, got, want)
		}
	}
}

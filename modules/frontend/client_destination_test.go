// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// choosing returns a connection of a client that asks for a name and connected to 192.0.2.9:443,
// after the rules of content.
func choosing(t *testing.T, name, content string) *connection {
	t.Helper()
	raw := hellotest.Plain(hellotest.SNI(name)).Raw()
	f, _ := frontendTo(newAppOf(t, nil), "none", Config{MaxHello: 65536, Content: compiled(t, content)})
	at := &trialConn{rest: raw, Probe: Probe{Source: netip.MustParseAddrPort("198.51.100.7:5000"), Destination: netip.MustParseAddrPort("192.0.2.9:443")}}
	c := newConnection(f, client{Conn: at, accepted: time.Now(), logger: zap.NewNop()})
	c.gone = make(chan struct{})
	if end := c.inspect(); end != nil {
		t.Fatal(end.err)
	}
	return c
}

// reach returns the error of connecting to a server, or the address that was to be connected to. It
// makes no connection to an address outside of this system.
func reach(c *connection, b *balancer.Backend, address string) (to netip.AddrPort, err error) {
	d, err := c.destination(b, &pool.Server{ServerConfig: pool.ServerConfig{Address: address}})
	if err != nil || d.at.IsValid() {
		return d.at, err
	}
	_, err = d.dial(relay.DialOptions{Timeout: 10 * time.Second, Cancel: c.gone}, nil)
	return to, err
}

// local are addresses that neither clients nor the DNS may choose.
var local = []string{"127.0.0.1", "127.7.7.7", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::1", "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1"}

// No way to choose a destination leads to a local address.
func TestNoWayToLocalAddresses(t *testing.T) {
	ways := map[string]func(t *testing.T, address string) error{
		"PROXY header": func(t *testing.T, address string) error {
			c := choosing(t, "a.test", `{}`)
			to := netip.AddrPortFrom(netip.MustParseAddr(address), 443)
			c.header = &headerState{header: &proxyprotocol.Header{Source: netip.AddrPortFrom(to.Addr(), 1), Destination: to}}
			c.hasAddresses = false
			_, err := reach(c, new(balancer.Backend), "*:443")
			return err
		},
		"set_dst": func(t *testing.T, address string) error {
			c := choosing(t, "a.test", fmt.Sprintf(`{"rules": [{"action": "set_dst", "value": "str(%s),lower"}]}`, address))
			_, err := reach(c, new(balancer.Backend), "*:443")
			return err
		},
		"set_dst by the server name": func(t *testing.T, address string) error {
			c := choosing(t, address, `{"inspect_delay": "30s", "rules": [{"action": "set_dst", "value": "req.ssl_sni"}]}`)
			_, err := reach(c, new(balancer.Backend), "*:443")
			return err
		},
		"do_resolve": func(t *testing.T, address string) error {
			frontendtest.Answers(t, func(string) []string { return []string{address} })
			c := choosing(t, strings.ReplaceAll(fmt.Sprintf("r%x.test", address), ":", ""), `{"inspect_delay": "30s", "rules": [{"action": "do_resolve", "var": "sess.ip", "value": "req.ssl_sni"}, {"action": "set_dst", "value": "var(sess.ip)"}]}`)
			if got := c.viewState.Destination.Addr(); got != netip.MustParseAddr(address).Unmap() && got != netip.MustParseAddr(address) {
				t.Errorf("%s was resolved to %s", address, got)
			}
			_, err := reach(c, new(balancer.Backend), "0.0.0.0:443")
			return err
		},
		"the server name": func(t *testing.T, address string) error {
			frontendtest.Answers(t, func(string) []string { return []string{address} })
			c := choosing(t, strings.ReplaceAll(fmt.Sprintf("n%x.test", address), ":", ""), `{"inspect_delay": "30s", "rules": [{"action": "set_var", "var": "sess.x", "value": "req.ssl_sni"}]}`)
			_, err := reach(c, new(balancer.Backend), "{l4.client_hello.sni}:443")
			return err
		},
	}
	for way, try := range ways {
		for _, address := range local {
			if err := try(t, address); !errors.Is(err, errNoAddress) {
				t.Errorf("%s: %s: %v", way, address, err)
			}
		}
	}
}

// Names that are addresses in some notation are not looked up.
func TestAddressesAreNoNames(t *testing.T) {
	frontendtest.Answers(t, func(name string) []string {
		t.Errorf("%s is looked up", name)
		return nil
	})
	for _, name := range []string{"127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "192.0.2.1", "10.0.0.1."} {
		c := choosing(t, name, `{"inspect_delay": "30s", "rules": [{"action": "do_resolve", "var": "sess.ip", "value": "req.ssl_sni"}, {"action": "set_dst", "value": "var(sess.ip)"}]}`)
		if c.viewState.Redirected {
			t.Errorf("%s leads to %s", name, c.viewState.Destination)
		}
	}
}

// The configuration's own destinations are not refused, nor are those that the backend allows.
func TestAllowedDestinations(t *testing.T) {
	frontendtest.Answers(t, func(string) []string { return []string{"192.0.2.77"} })
	const resolved = `{"inspect_delay": "30s", "rules": [{"action": "do_resolve", "var": "sess.ip", "value": "req.ssl_sni"}, {"action": "set_dst", "value": "var(sess.ip)"}, {"action": "set_dst_port", "value": "int(8443)"}]}`
	for name, c := range map[string]struct {
		content, address, want string
		backend                *balancer.Backend
	}{
		"a constant":                 {`{"rules": [{"action": "set_dst", "value": "ipv4(127.0.0.5)"}]}`, "*:444", "127.0.0.5:444", new(balancer.Backend)},
		"a constant, and its port":   {`{"rules": [{"action": "set_dst", "value": "ipv6(::1)"}, {"action": "set_dst_port", "value": "int(99)"}]}`, "*:+1", "[::1]:100", new(balancer.Backend)},
		"a name":                     {resolved, "*:+0", "192.0.2.77:8443", new(balancer.Backend)},
		"a name, with another port":  {resolved, "[::]:443", "192.0.2.77:443", new(balancer.Backend)},
		"local, but allowed":         {`{"rules": [{"action": "set_var", "var": "sess.x", "value": "str(127.0.0.1)"}, {"action": "set_dst", "value": "var(sess.x)"}]}`, "*:444", "127.0.0.1:444", &balancer.Backend{AllowLocalAddresses: true}},
		"the port alone, by a name":  {`{"rules": [{"action": "set_dst_port", "value": "str(4443),lower"}]}`, "*:+0", "192.0.2.9:4443", new(balancer.Backend)},
		"nothing that a rule says":   {`{"rules": [{"action": "set_dst", "value": "str(x)"}]}`, "*:444", "192.0.2.9:444", new(balancer.Backend)},
		"no other server is changed": {`{"rules": [{"action": "set_dst", "value": "ipv4(127.0.0.5)"}]}`, "192.0.2.1:444", "192.0.2.1:444", new(balancer.Backend)},
	} {
		got, err := reach(choosing(t, strings.NewReplacer(" ", "", ",", "").Replace(name)+".test", c.content), c.backend, c.address)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
		}
	}
}

// An answer of the DNS that changes between two lookups makes no difference: the address that was
// checked is the one that is connected to.
func TestRebinding(t *testing.T) {
	var asked atomic.Int64
	frontendtest.Answers(t, func(string) []string {
		if asked.Add(1) <= 2 { // both families
			return []string{"192.0.2.78"}
		}
		return []string{"127.0.0.1"}
	})
	c := choosing(t, "rebinds.test", `{"inspect_delay": "30s", "rules": [{"action": "do_resolve", "var": "sess.ip", "value": "req.ssl_sni"}, {"action": "set_dst", "value": "var(sess.ip)"}]}`)
	for range 3 {
		if got, err := reach(c, new(balancer.Backend), "*:443"); err != nil || got.String() != "192.0.2.78:443" {
			t.Errorf("%s, %v", got, err)
		}
	}
}

// A frontend does not connect to itself, even where everything is allowed.
func TestNoLoop(t *testing.T) {
	c := choosing(t, "a.test", `{"rules": [{"action": "set_dst", "value": "ipv4(127.0.0.1)"}]}`)
	if _, err := reach(c, &balancer.Backend{AllowLocalAddresses: true}, "*:443"); err == nil || !strings.Contains(err.Error(), "is this frontend") {
		t.Error(err)
	}
}

// A log and an explanation have the new destination.
func TestDestinationIsShown(t *testing.T) {
	c := choosing(t, "a.test", `{"rules": [{"action": "set_dst", "value": "ipv4(192.0.2.80)"}]}`)
	if got := c.record.Local.String(); got != "192.0.2.80:443" {
		t.Errorf("logged as %s", got)
	}
	if _, destination := c.headerAddresses(); destination.String() != "192.0.2.80:443" {
		t.Errorf("in a PROXY header as %s", destination)
	}
}

// On a shard, a lookup is left to a goroutine, which goes on with the rule that waits.
func TestLookupOnShardWaits(t *testing.T) {
	frontendtest.Answers(t, func(string) []string { return []string{"192.0.2.79"} })
	c := choosing(t, "a.test", `{"rules": [{"action": "set_var", "var": "sess.x", "value": "str(1)"}]}`)
	ruleset := compiled(t, `{"inspect_delay": "30s", "rules": [{"action": "do_resolve", "var": "sess.ip", "value": "str(shard.test)"}, {"action": "set_dst", "value": "var(sess.ip)"}]}`)
	gone := c.gone
	c.gone = nil
	if wait, end := c.tryRules(ruleset, true, true); !wait || end != nil || !c.viewState.LooksUp {
		t.Fatalf("wait %v, %+v", wait, end)
	}
	c.gone = gone
	if end := c.applyRules(ruleset, true); end != nil || c.viewState.Destination.String() != "192.0.2.79:443" {
		t.Errorf("%+v, destination %s", end, c.viewState.Destination)
	}
}

// A lookup asks the resolvers that its rule names.
func TestLookupAtNamedResolvers(t *testing.T) {
	frontendtest.Answers(t, func(string) []string { return []string{"192.0.2.81"} })
	use := resolve.Acquire("lookups", "", func() *resolve.Resolver {
		return &resolve.Resolver{Source: frontendtest.Source(func(host string, f resolve.Family) ([]netip.Addr, error) {
			if f != resolve.IPv4 || host != "named.test" {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.82")}, nil
		})}
	})
	defer use.Release()
	const rules = `{"inspect_delay": "30s", "rules": [{"action": "do_resolve", "var": "sess.ip", "value": "req.ssl_sni", "resolvers": %q}, {"action": "set_dst", "value": "var(sess.ip)"}]}`
	for name, want := range map[string]string{"lookups": "192.0.2.82:443", "": "192.0.2.81:443", "gone": "192.0.2.9:443"} {
		if got := choosing(t, "named.test", fmt.Sprintf(rules, name)).viewState.Destination.String(); got != want {
			t.Errorf("resolvers %q: %s, want %s", name, got, want)
		}
	}
	if got := choosing(t, "missing.test", fmt.Sprintf(rules, "lookups")).viewState; got.Redirected {
		t.Errorf("a name without an address leads to %s", got.Destination)
	}
}

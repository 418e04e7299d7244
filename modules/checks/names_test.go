// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// fakeDNS gives the same answer for every name until that is changed.
type fakeDNS struct {
	mu    sync.Mutex
	asked []resolve.Family
	four  []netip.Addr
	six   []netip.Addr
	err   error
	ttl   time.Duration
}

func (d *fakeDNS) Lookup(_ context.Context, _ string, f resolve.Family) ([]netip.Addr, time.Duration, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, f)
	if f == resolve.IPv4 {
		return d.four, d.ttl, d.err
	}
	return d.six, d.ttl, d.err
}

// useDNS resolves names by d during this test.
func useDNS(t *testing.T, d *fakeDNS) {
	t.Helper()
	before := resolve.Servers
	t.Cleanup(func() { resolve.Servers = before })
	resolve.Servers = &resolve.Resolver{Source: d}
}

func targetNamed(address string) pool.Target {
	_, port, _ := net.SplitHostPort(address)
	return to("web.test:" + port)
}

var (
	local    = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	nowhere  = []netip.Addr{netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("127.0.0.1")}
	servfail = &net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53"}
	nxdomain = &net.DNSError{Err: "no such host", IsNotFound: true}
)

// A DNS failure does not fail a check; a name that does not exist does.
func TestEveryCheckerWhenLookupFails(t *testing.T) {
	for _, c := range allCheckers(t) {
		useDNS(t, &fakeDNS{err: servfail})
		expectResult(t, checked(c, to("web.test:1")), pool.DNSError, "resolving web.test: server misbehaving (DNS); asked 192.0.2.53:53")
		useDNS(t, &fakeDNS{err: nxdomain})
		expectResult(t, checked(c, to("web.test:1")), pool.Layer4Connection, "resolving web.test: no such host (DNS)")
	}
}

// After a first lookup, checks continue with the last addresses while the DNS fails, and warn.
func TestEveryCheckerUsesStaleAddressesWhenDNSFails(t *testing.T) {
	const warning = "resolving web.test: server misbehaving (DNS); asked 192.0.2.53:53; its last addresses are in use"
	address := serve(t, closes)
	d := &fakeDNS{four: local, ttl: 1}
	useDNS(t, d)
	all, known := allCheckers(t), make(map[string]pool.Result)
	for name, c := range all {
		if known[name] = checked(c, targetNamed(address)); known[name].Code == pool.DNSError || known[name].Warning != "" {
			t.Errorf("%s: %+v", name, known[name])
		}
	}
	d.mu.Lock()
	d.four, d.err = nil, servfail
	d.mu.Unlock()
	for over := time.Now().Add(ample); ; time.Sleep(soon) { // until the addresses expire
		got := checked(all["tcp"], targetNamed(address))
		if got.Code != pool.Layer4OK || time.Now().After(over) {
			t.Fatalf("%+v", got)
		}
		if got.Warning == warning {
			break
		}
	}
	gone := targetNamed(programs.Address(t))
	for name, c := range all {
		if got := checked(c, targetNamed(address)); got.Code != known[name].Code {
			t.Errorf("%s: %+v, before that %+v", name, got, known[name])
		}
		if got := checked(c, gone); got.Code != pool.Layer4Connection || got.Warning != warning {
			t.Errorf("%s: a server that refuses: %+v", name, got)
		}
	}
}

// A check connects as clients' connections do: to one address after the other, of the wanted
// family, and only to addresses of the source's family.
func TestCheckOfName(t *testing.T) {
	c := allCheckers(t)["tcp"]
	address := serve(t, closes)
	for name, test := range map[string]struct {
		change func(*pool.Target)
		code   pool.Code
		asked  []resolve.Family
	}{
		"both":          {func(*pool.Target) {}, pool.Layer4OK, []resolve.Family{resolve.IPv4, resolve.IPv6}},
		"IPv4":          {func(t *pool.Target) { t.Network = "tcp4" }, pool.Layer4OK, []resolve.Family{resolve.IPv4}},
		"IPv6":          {func(t *pool.Target) { t.Network = "tcp6" }, pool.Layer4Connection, []resolve.Family{resolve.IPv6}},
		"prefer IPv6":   {func(t *pool.Target) { t.ResolvePrefer = "ipv6" }, pool.Layer4OK, []resolve.Family{resolve.IPv4, resolve.IPv6}},
		"from IPv4":     {func(t *pool.Target) { t.Source = local[0] }, pool.Layer4OK, []resolve.Family{resolve.IPv4}},
		"from IPv6":     {func(t *pool.Target) { t.Source = netip.IPv6Loopback() }, pool.Layer4Connection, []resolve.Family{resolve.IPv6}},
		"IPv4 and from": {func(t *pool.Target) { t.Network, t.Source = "tcp4", local[0] }, pool.Layer4OK, []resolve.Family{resolve.IPv4}},
	} {
		d := &fakeDNS{four: nowhere, six: []netip.Addr{netip.IPv6Loopback()}}
		useDNS(t, d)
		target := targetNamed(address)
		test.change(&target)
		if got := checked(c, target); got.Code != test.code {
			t.Errorf("%s: %+v, want %s", name, got, test.code)
		}
		slices.Sort(d.asked)
		if !slices.Equal(d.asked, test.asked) {
			t.Errorf("%s: asked for %v, want %v", name, d.asked, test.asked)
		}
	}
}

// A connect step may limit a name to one family.
func TestScriptConnectsToFamily(t *testing.T) {
	address := serve(t, closes)
	_, port, _ := net.SplitHostPort(address)
	d := &fakeDNS{four: local}
	useDNS(t, d)
	c := provisioned(t, "tcp_script", `{"steps": [{"connect": {"address": "tcp4/web.test:`+port+`"}}]}`)
	expectResult(t, checked(c, to("192.0.2.1:1")), pool.Layer4OK, "")
	if !slices.Equal(d.asked, []resolve.Family{resolve.IPv4}) {
		t.Errorf("asked for %v", d.asked)
	}
}

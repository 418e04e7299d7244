// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolvers"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// local are addresses that clients and the DNS may not choose, in all forms that lead there.
var local = []string{
	"127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "255.255.255.255", "169.254.169.254", "224.0.0.1", "239.1.1.1",
	"::1", "::", "fe80::1", "fe80::1%eth0", "ff02::1", "fec0::1", "fd00:ec2::254",
	"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:198.51.100.1",
	"64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::127.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1",
	"2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:0:1:2:3:4:80ff:fffe", "64:ff9b::198.51.100.1",
	"198.51.100.1", "2001:db8::5",
}

// own reports whether an address is one of this system in the tests.
func own(a netip.Addr) bool { return a.String() == "198.51.100.1" || a.String() == "2001:db8::5" }

func TestRefuseDestination(t *testing.T) {
	t.Parallel()
	open := new(Backend)
	for _, text := range local {
		err := open.RefuseDestination(netip.MustParseAddr(text), own)
		if err == nil || !strings.Contains(err.Error(), "may choose") {
			t.Errorf("%s is refused with %v", text, err)
		}
		if err := (&Backend{AllowLocalAddresses: true}).RefuseDestination(netip.MustParseAddr(text), own); err != nil {
			t.Errorf("allowed, %s: %v", text, err)
		}
	}
	for _, text := range []string{
		"192.0.2.1", "10.0.0.1", "100.64.0.1", "192.168.1.1", "1.0.0.0", "223.255.255.255", "::ffff:10.0.0.1",
		"2001:db8::1", "fd00::1", "64:ff9b::10.0.0.1", "2002:a00:1::", "2001:4860:4860::8888",
	} {
		if err := open.RefuseDestination(netip.MustParseAddr(text), own); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A list replaces the rules about local addresses.
func TestAllowDestinations(t *testing.T) {
	t.Parallel()
	b := &Backend{AllowDestinations: []string{"10.1.0.0/16", "127.0.0.9", "2001:db8:1::/48"}}
	if err := b.provisionDestinations(); err != nil {
		t.Fatal(err)
	}
	for text, allowed := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "127.0.0.9": true, "2001:db8:1::7": true,
		"10.2.0.1": false, "127.0.0.1": false, "192.0.2.1": false, "2001:db8:2::1": false, "64:ff9b::10.1.2.3": false, "198.51.100.1": false,
	} {
		if err := b.RefuseDestination(netip.MustParseAddr(text), own); (err == nil) != allowed {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, words := range [][]string{{"10.0.0.0/33"}, {"10.0.0"}, {""}, {"fe80::%eth0/10"}, {"fe80::1%eth0/64"}, {"web.example"}} {
		if err := (&Backend{AllowDestinations: words}).provisionDestinations(); err == nil {
			t.Errorf("%q is accepted", words)
		}
	}
	if err := (&Backend{AllowDestinations: []string{"::1"}, AllowLocalAddresses: true}).provisionDestinations(); err == nil {
		t.Error("both options are accepted")
	}
}

func TestFillDestination(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"*:443":       "192.0.2.7:443",
		"*:+0":        "192.0.2.7:8443",
		"0.0.0.0:-43": "192.0.2.7:8400",
		"[::]:443":    "192.0.2.7:443",
	} {
		if !IsClientDestination(address) {
			t.Errorf("%s: not the client's destination", address)
		}
		got, err := FillDestination(address, netip.MustParseAddrPort("192.0.2.7:8443"))
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v, want %s", address, got, err, want)
		}
	}
	got, err := FillDestination("*:+1", netip.MustParseAddrPort("[2001:db8::1]:443"))
	if err != nil || got.String() != "[2001:db8::1]:444" {
		t.Errorf("IPv6: %s, %v", got, err)
	}
	for _, address := range []string{"127.0.0.1:443", "web.example:443", "unix//run/s", "{l4.client_hello.sni}:443", "*"} {
		if IsClientDestination(address) {
			t.Errorf("%s is taken for the client's destination", address)
		}
	}
	for _, destination := range []netip.AddrPort{{}, netip.MustParseAddrPort("192.0.2.7:0")} {
		if got, err := FillDestination("*:+0", destination); err == nil {
			t.Errorf("%s: %s", destination, got)
		}
	}
}

// Rules may only ask resolvers that are defined.
func TestValidateLookups(t *testing.T) {
	t.Parallel()
	a := &App{Resolvers: map[string]*resolvers.Resolvers{"dns": {}}}
	ask := func(name string) *rules.Config { return &rules.Config{Rules: []*rules.Rule{{Resolvers: name}}} }
	for _, c := range []*rules.Config{nil, ask(""), ask("dns")} {
		if err := a.ValidateLookups(c); err != nil {
			t.Error(err)
		}
	}
	if err := a.ValidateLookups(ask("dsn")); err == nil || !strings.Contains(err.Error(), `resolvers "dsn" is not defined; did you mean "dns"?`) {
		t.Error(err)
	}
}

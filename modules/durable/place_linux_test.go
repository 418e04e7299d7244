// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

const placePort = 7443

// at returns an address in the server's namespace, in the form of answersApp.
func (n *network) at(host, device string, o Options) string {
	o.Namespace, o.Interface = n.server, device
	text, err := json.Marshal(o)
	if err != nil {
		n.t.Fatal(err)
	}
	return fmt.Sprintf("durable/%s %s", net.JoinHostPort(host, fmt.Sprint(placePort)), text)
}

// Reloads may replace an address by itself on an interface, and the reverse, and wildcards by
// either. No connection is lost, and each goes to the most specific address; the interface decides
// between two equal ones.
func TestInterfacesOverReloads(t *testing.T) {
	eachWay(t, testInterfacesOverReloads, byAccept, byTaker)
}

func testInterfacesOverReloads(t *testing.T) {
	n := newNetwork(t)
	one, six, other := "10.77.9.9", "fd77:9::9", "10.77.1.1"
	at := func(host, device string) string { return n.at(host, device, Options{}) }
	type asked map[string]byte // by link and host; 0: refused
	steps := []struct {
		listen map[string]byte
		want   asked
	}{
		{map[string]byte{at(one, ""): 1, at(six, ""): 1}, asked{"dur1 " + one: 1, "dur2 " + one: 1, "dur1 " + six: 1, "dur2 " + six: 1}},
		{
			map[string]byte{at(one, "dur1"): 2, at(one, "dur2"): 3, at(six, "dur1"): 2, at(six, "dur2"): 3},
			asked{"dur1 " + one: 2, "dur2 " + one: 3, "dur1 " + six: 2, "dur2 " + six: 3},
		},
		{map[string]byte{at("", "dur1"): 4, at("", "dur2"): 5}, asked{"dur1 " + one: 4, "dur2 " + one: 5, "dur1 " + six: 4, "dur2 " + six: 5, "dur1 " + other: 4}},
		{map[string]byte{at("", "dur1"): 6, at("", ""): 7, at(one, ""): 8}, asked{"dur1 " + one: 8, "dur2 " + one: 8, "dur1 " + six: 6, "dur2 " + six: 7, "dur1 " + other: 6}},
		{map[string]byte{at(one, "dur2"): 9, at("", ""): 10}, asked{"dur1 " + one: 10, "dur2 " + one: 9, "dur1 " + six: 10, "dur2 " + six: 10}},
		{
			map[string]byte{at(one, ""): 11, at(one, "dur1"): 12, at("", "dur2"): 13, at(six, "dur1"): 14},
			asked{"dur1 " + one: 12, "dur2 " + one: 11, "dur1 " + six: 14, "dur2 " + six: 13, "dur1 " + other: 0},
		},
		{map[string]byte{at("", ""): 15}, asked{"dur1 " + one: 15, "dur2 " + one: 15, "dur1 " + six: 15, "dur2 " + six: 15, "dur1 " + other: 15}},
	}
	if err := loadAnswers(t, steps[0].listen, false); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var stops []func() (int64, []error)
	for _, link := range []string{"dur1", "dur2"} {
		for _, host := range []string{one, six} {
			to := netip.AddrPortFrom(netip.MustParseAddr(host), placePort)
			stops = append(stops, loadBy(func() (byte, error) { return n.ask(link, to) }))
		}
	}
	for range 3 {
		for i, step := range steps {
			if err := loadAnswers(t, map[string]byte{at(one, "dur1"): 99, at("", "dur2"): 98, at(six, ""): 97}, true); err == nil {
				t.Fatal("a configuration whose app fails was taken")
			}
			if err := loadAnswers(t, step.listen, false); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			for from, want := range step.want {
				link, host, _ := strings.Cut(from, " ")
				to := netip.AddrPortFrom(netip.MustParseAddr(host), placePort)
				// A new address beside others listens a moment after its configuration runs.
				answers := func() bool {
					got, err := n.ask(link, to)
					return got == want && (err == nil) == (want != 0)
				}
				eventually(t, fmt.Sprintf("step %d: %s is answered by %d", i, from, want), answers)
				if want != 0 {
					n.refusesStrangers(to)
				}
			}
		}
	}
	var served int64
	for _, stop := range stops {
		ok, lost := stop()
		if served += ok; len(lost) > 0 || ok == 0 {
			t.Errorf("%d served, %d lost, the first: %v", ok, len(lost), lost[0])
		}
	}
	t.Logf("%d reloads and as many refused: %d connections served", 3*len(steps), served)
}

// refusesStrangers reports if another program could bind an address of the server.
func (n *network) refusesStrangers(at netip.AddrPort) {
	n.t.Helper()
	in, err := netns.Open(n.server)
	if err != nil {
		n.t.Fatal(err)
	}
	defer in.Close()
	if err := in.Do(func() error { return stranger(n.t, at) }); err == nil {
		n.t.Errorf("another program binds %v", at)
	}
}

// Which of two addresses a connection belongs to that is to both.
func TestOutranks(t *testing.T) {
	at := func(host string, device int) address {
		return address{at: netip.AddrPortFrom(netip.MustParseAddr(host), placePort), place: place{device: device}}
	}
	for _, c := range []struct {
		a, b            address
		meets, outranks bool
	}{
		{at("10.0.0.1", 0), at("0.0.0.0", 0), true, true},
		{at("10.0.0.1", 0), at("0.0.0.0", 1), true, true},
		{at("10.0.0.1", 1), at("0.0.0.0", 0), true, true},
		{at("10.0.0.1", 1), at("0.0.0.0", 1), true, true},
		{at("10.0.0.1", 1), at("0.0.0.0", 2), false, false},
		{at("10.0.0.1", 1), at("10.0.0.1", 0), true, true},
		{at("10.0.0.1", 1), at("10.0.0.1", 2), false, false},
		{at("10.0.0.1", 1), at("10.0.0.2", 0), false, false},
		{at("0.0.0.0", 1), at("0.0.0.0", 0), true, true},
		{at("0.0.0.0", 1), at("0.0.0.0", 2), false, false},
		{at("::1", 1), at("::", 1), true, true},
	} {
		if got := c.a.meets(c.b); got != c.meets || got != c.b.meets(c.a) {
			t.Errorf("%+v and %+v meet: %v", c.a, c.b, got)
		}
		if got := c.a.outranks(c.b); got != c.outranks || c.b.outranks(c.a) {
			t.Errorf("%+v outranks %+v: %v", c.a, c.b, got)
		}
	}
}

// A connection that waits in a socket's queue while another is opened for its interface goes to
// that one.
func TestInterfaceGetsItsQueuedConnections(t *testing.T) {
	n := newNetwork(t)
	for _, host := range []string{"10.77.9.9", "fd77:9::9"} {
		open := func(device string) net.Listener {
			as, _, err := resolve("durable", host, fmt.Sprint(placePort), 0)
			if err != nil {
				t.Fatal(err)
			}
			o := socketOptions{Options: Options{Namespace: n.server, Interface: device}}
			if err := o.setPlace(as); err != nil {
				t.Fatal(err)
			}
			l, err := attach(t.Context(), as[0], o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return l
		}
		all := open("")
		var overA, overB []net.Conn
		for range 3 {
			for link, into := range map[string]*[]net.Conn{"dur1": &overA, "dur2": &overB} {
				conn, err := n.dial(link, netip.AddrPortFrom(netip.MustParseAddr(host), placePort))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				*into = append(*into, conn)
			}
		}
		onB := open("dur2")
		accepted(t, onB, overB)
		accepted(t, all, overA)
		_ = onB.Close()
		_ = all.Close()
	}
}

// A missing interface or namespace is an error that names the option.
func TestPlacesThatAreNotThere(t *testing.T) {
	n := newNetwork(t)
	for listen, want := range map[string]string{
		n.at("10.77.9.9", "nosuchif", Options{}):         `listening on "durable/10.77.9.9:7443": interface "nosuchif" in namespace ` + n.server + `: `,
		`durable/:7443 {"Namespace": "nosuchnamespace"}`: `listening on "durable/:7443": namespace: opening network namespace "nosuchnamespace": `,
		`durable/:7443 {"Interface": "nosuchif"}`:        `listening on "durable/:7443": interface "nosuchif": `,
		`durable/unix/@place {"Interface": "lo"}`:        `listening on "durable/unix/@place": interface: expected a TCP address with it`,
		`durable/fd/3 {"MSS": 1000, "FastOpen": true}`:   `listening on "durable/fd/3": tfo, mss: expected a TCP address with it`,
		n.at("fe80::1%dur2", "dur1", Options{}):          `cannot assign requested address`,
	} {
		err := loadAnswers(t, map[string]byte{listen: 1}, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %s", listen, err, want)
		}
	}
	_ = caddy.Stop()
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// Sockets of other namespaces are beside no address of this one.
func TestNamespacesHavePortsOfTheirOwn(t *testing.T) {
	n := newNetwork(t)
	ns, err := netns.Open(n.server)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	here := address{at: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(unused(t)))}
	there := here
	there.place.ns = ns.ID()
	k, err := openTCP(t.Context(), there, socketOptions{ns: ns})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if portBoundHere(here) || !portBoundHere(there) {
		t.Error("the port is that of another namespace")
	}
	if here.family() == there.family() {
		t.Error("addresses of two namespaces overlap")
	}
}

// One address in two namespaces is two sockets, and a reload may move it from one to the other.
func TestNamespacesOverReloads(t *testing.T) {
	n := newNetwork(t)
	there := n.at("10.77.9.9", "", Options{})
	here := fmt.Sprintf("durable/127.0.0.1:%d", unused(t))
	elsewhere := strings.Replace(there, n.server, n.client, 1) // where 10.77.9.9 is no address
	local := n.at("127.0.0.1", "", Options{})
	to := netip.AddrPortFrom(netip.MustParseAddr("10.77.9.9"), placePort)
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := loadAnswers(t, map[string]byte{there: 1}, false); err != nil {
		t.Fatal(err)
	}
	stop := loadBy(func() (byte, error) { return n.ask("dur1", to) })
	for i := range byte(20) {
		if err := loadAnswers(t, map[string]byte{there: 2 * i, local: 2*i + 1, here: 2*i + 1}, false); err != nil {
			t.Fatal(err)
		}
		if got, err := n.ask("dur2", to); got != 2*i || err != nil {
			t.Errorf("reload %d: %d, %v", i, got, err)
		}
		if got, err := ask(here); got != 2*i+1 || err != nil {
			t.Errorf("reload %d, outside: %d, %v", i, got, err)
		}
	}
	if err := loadAnswers(t, map[string]byte{elsewhere: 99}, false); err == nil || !strings.Contains(err.Error(), " in namespace "+n.client+`": listen tcp 10.77.9.9:7443: bind: cannot assign requested address`) {
		t.Errorf("an address of another namespace: %v", err)
	}
	if ok, lost := stop(); len(lost) > 0 || ok == 0 {
		t.Errorf("%d served, %d lost, the first: %v", ok, len(lost), lost[0])
	}
	if err := loadAnswers(t, map[string]byte{here: 50}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := n.ask("dur1", to); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the address that is no longer listened on: %v", err)
	}
}

// A reload follows a namespace or an interface that was deleted and made again under its name.
func TestPlaceMadeAgain(t *testing.T) {
	n := newNetwork(t)
	defer func() { _ = caddy.Stop() }()
	to := netip.AddrPortFrom(netip.MustParseAddr("10.77.9.9"), placePort)
	verify := func(want byte) {
		t.Helper()
		if err := loadAnswers(t, map[string]byte{n.at("10.77.9.9", "dur2", Options{}): want}, false); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("it answers %d", want), func() bool {
			got, err := n.ask("dur2", to)
			return got == want && err == nil
		})
	}
	verify(1)
	n.ip("-n %s link del dur2", n.server)
	n.link(2)
	verify(2)
	n.ip("netns del %s", n.server)
	n.ip("netns add %s", n.server)
	n.address()
	n.ip("-n %s link del dur2", n.client)
	n.link(2)
	verify(3)
}

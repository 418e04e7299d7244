// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"
)

// routeForeign makes the server take packets to addresses that it does not have.
func (n *network) routeForeign() {
	for option, prefix := range map[string]string{"-4": "198.51.100.0/24", "-6": "2001:db8::/32"} {
		n.ip("%s -n %s rule add iif dur1 lookup 100", option, n.server)
		n.ip("%s -n %s route add local %s dev lo table 100", option, n.server, prefix)
	}
	n.ip("-n %s route add 198.51.100.0/24 via 10.77.1.1", n.client)
	n.ip("-n %s route add 2001:db8::/32 via fd77:1::1", n.client)
}

// With transparent, a socket has an address that its system does not have, and the wildcard address
// gets the connections to such addresses; each keeps the address that its client connected to.
func TestTransparentTakesForeignAddresses(t *testing.T) {
	eachWay(t, testTransparentTakesForeignAddresses, byAccept, byTaker)
}

func testTransparentTakesForeignAddresses(t *testing.T) {
	n := newNetwork(t)
	n.routeForeign()
	defer func() { _ = caddy.Stop() }()
	one, other := netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("198.51.100.10")
	six := netip.MustParseAddr("2001:db8::9")
	reaches := func(host netip.Addr, want byte) {
		t.Helper()
		got, err := n.ask("dur1", netip.AddrPortFrom(host, placePort))
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%s: %d, %v; expected %d", host, got, err, want)
		}
	}
	on := func(host string) string { return n.at(host, "", Options{Transparent: true}) }
	off := func(host string) string { return n.at(host, "", Options{}) }

	err := loadAnswers(t, map[string]byte{off(one.String()): 1}, false)
	if err == nil || !strings.Contains(err.Error(), "cannot assign requested address") {
		t.Fatalf("without the option: %v", err)
	}
	if err := loadAnswers(t, map[string]byte{on(one.String()): 2, on(six.String()): 3}, false); err != nil {
		t.Fatal(err)
	}
	reaches(one, 2)
	reaches(six, 3)

	// A socket that is open must not outlive its right to the address: the next start would fail.
	err = loadAnswers(t, map[string]byte{off(one.String()): 4, on(six.String()): 5}, false)
	if err == nil || !strings.Contains(err.Error(), "cannot assign requested address") {
		t.Errorf("after a reload without the option: %v", err)
	}
	reaches(one, 2)

	if err := loadAnswers(t, map[string]byte{on(""): 6, on(one.String()): 7}, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the wildcard address has the others", func() bool {
		got, _ := n.ask("dur1", netip.AddrPortFrom(other, placePort))
		return got == 6
	})
	reaches(one, 7)
	reaches(six, 6)
}

// What a connection is to is asked for each, since the system may redirect it to the socket.
func TestTransparentAsksForLocalAddresses(t *testing.T) {
	a := resolveOne(t, "127.0.0.1", 0)
	k, err := openTCP(t.Context(), a, socketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if k.(*tcpKernel).localAddr() == nil {
		t.Error("it is asked for each connection without the option")
	}
	for _, on := range []bool{true, false} { // connections that came before are still in the queue
		if err := k.configure(socketOptions{Options: Options{Transparent: on}}); err != nil {
			t.Fatal(err)
		}
		if got := k.(*tcpKernel).localAddr(); got != nil {
			t.Errorf("transparent %v: %v is taken for the address of all connections", on, got)
		}
	}
}

// Redirected connections stay with the socket that they came to.
func TestRedirectedConnectionsStay(t *testing.T) {
	port := unused(t)
	for _, c := range []struct {
		host, to string
		want     int // the number of addresses whose sockets may get it
	}{
		{"127.0.0.1", "127.0.0.1", 2},
		{"127.0.0.1", "127.0.0.2", 0},
		{"0.0.0.0", "127.0.0.2", 2},
	} {
		s := &socket{key: resolveOne(t, c.host, port)}
		if _, n := s.addressesOf(nil, netip.AddrPortFrom(netip.MustParseAddr(c.to), uint16(port))); n != c.want {
			t.Errorf("%+v: %d addresses", c, n)
		}
		if _, n := s.addressesOf(nil, netip.AddrPortFrom(netip.MustParseAddr(c.to), uint16(port)^1)); n != 0 {
			t.Errorf("%+v, another port: %d addresses", c, n)
		}
	}
}

// Without the privilege for IP_TRANSPARENT, IP_FREEBIND permits the address, as in HAProxy.
func TestTransparentWithoutPrivilege(t *testing.T) {
	runtime.LockOSThread() // for good: the thread ends with the test
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host           string
		level, privily int
		freely         int
	}{
		{"192.0.2.1", unix.IPPROTO_IP, unix.IP_TRANSPARENT, unix.IP_FREEBIND},
		{"2001:db8::1", unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, unix.IPV6_FREEBIND},
	} {
		k, err := openTCP(t.Context(), resolveOne(t, c.host, unused(t)), socketOptions{Options: Options{Transparent: true}})
		if err != nil {
			t.Errorf("%s: %v", c.host, err)
			continue
		}
		defer k.Close()
		file := k.(*tcpKernel).file
		if optionOf(t, file, c.level, c.privily) != 0 || optionOf(t, file, c.level, c.freely) != 1 {
			t.Errorf("%s: the thread has privileges", c.host)
		}
	}
}

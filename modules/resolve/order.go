// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"net"
	"net/netip"
)

var fourFirst, sixFirst = []Family{IPv4, IPv6}, []Family{IPv6, IPv4}

// wanted returns the families to look up.
func wanted(f Family) []Family {
	switch f {
	case IPv4:
		return fourFirst[:1]
	case IPv6:
		return sixFirst[:1]
	default:
		return fourFirst
	}
}

// preferred returns the families to look up, in the order of their addresses.
func preferred(e *entry, n Name) []Family {
	if n.Family == Any && (n.Prefer == IPv6 || n.Prefer == Any && e.routed) {
		return sixFirst
	}
	return wanted(n.Family)
}

// HasRoute reports whether there is a route to an IPv6 address, with a source address that it can
// answer (RFC 6724, rules 1, 2 and 5, simplified). It sends nothing.
func HasRoute(to netip.Addr) bool {
	conn, err := net.DialUDP("udp6", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	from := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	return scope(from) >= scope(to)
}

// scope returns the scope of an address: 0 host or link, 1 site, 2 global.
func scope(a netip.Addr) int {
	switch {
	case a.IsLoopback(), a.IsLinkLocalUnicast():
		return 0
	case a.IsPrivate():
		return 1
	default:
		return 2
	}
}

// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"net/netip"
	"slices"
)

// isLocal reports whether an address leads to this system or to something that only its link or its
// cloud can reach, such as a metadata service (169.254.169.254).
func isLocal(a netip.Addr) bool {
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		slices.ContainsFunc(localNetworks, func(n netip.Prefix) bool { return n.Contains(a.WithZone("")) })
}

var localNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),          // "this network": Linux takes 0.0.0.0 for loopback
	netip.MustParsePrefix("255.255.255.255/32"), // broadcast
	netip.MustParsePrefix("fec0::/10"),          // site-local, deprecated
	netip.MustParsePrefix("fd00:ec2::/32"),      // of Amazon's cloud, as 169.254.0.0/16
}

// embedding are networks whose addresses lead to an IPv4 address in them, by a gateway or a tunnel.
var embedding = []struct {
	network  netip.Prefix
	at       int  // its first byte
	inverted bool // its bits are
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12, false},    // NAT64 (RFC 6052)
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12, false},  // NAT64 of a site (RFC 8215)
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, false}, // SIIT (RFC 2765)
	{netip.MustParsePrefix("::/96"), 12, false},           // IPv4-compatible (RFC 4291)
	{netip.MustParsePrefix("2002::/16"), 2, false},        // 6to4 (RFC 3056)
	{netip.MustParsePrefix("2001::/32"), 12, true},        // Teredo (RFC 4380)
}

// embedded returns the IPv4 addresses in an IPv6 address.
func embedded(a netip.Addr) (all []netip.Addr) {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	for _, e := range embedding {
		if !e.network.Contains(a.WithZone("")) {
			continue
		}
		v4 := [4]byte(b[e.at:])
		for i := range v4 {
			if e.inverted {
				v4[i] = ^v4[i]
			}
		}
		all = append(all, netip.AddrFrom4(v4))
	}
	return all
}

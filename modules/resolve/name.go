// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"net/netip"
	"slices"
	"strings"
)

// Family is an IP version.
type Family uint8

// The families.
const (
	Any  Family = iota // both
	IPv4               // A records
	IPv6               // AAAA records
)

// FamilyOf returns the family of a network of package net (tcp4, tcp6) or of a word (ipv4, ipv6);
// Any for all others.
func FamilyOf(word string) Family {
	switch word {
	case "tcp4", "ipv4":
		return IPv4
	case "tcp6", "ipv6":
		return IPv6
	default:
		return Any
	}
}

// CutNetwork cuts tcp4/ or tcp6/ off an address. It returns tcp as the network of all others.
func CutNetwork(address string) (network, rest string) {
	for _, network := range []string{"tcp4", "tcp6"} {
		if rest, ok := strings.CutPrefix(address, network+"/"); ok {
			return network, rest
		}
	}
	return "tcp", address
}

// Name is a host with the families to look up.
type Name struct {
	// Host is a name without a port. Case does not matter.
	Host string
	// Family is the family of the addresses.
	Family Family
	// Prefer is the family that comes first. Any: IPv6, if there is a route to its addresses.
	Prefer Family
	// Networks are those whose addresses come first.
	Networks []netip.Prefix
}

// NewName returns the Name of a host: network is tcp, tcp4 or tcp6, as CutNetwork returns it, and
// prefer is ipv4, ipv6 or empty.
func NewName(network, host, prefer string) Name {
	return Name{Host: host, Family: FamilyOf(network), Prefer: FamilyOf(prefer)}
}

// Near puts the addresses of some networks first: prefixes separated by commas. Those that are not
// valid are left out.
func (n Name) Near(networks string) Name {
	if networks == "" {
		return n
	}
	n.Networks = nil
	for text := range strings.SplitSeq(networks, ",") {
		if p, err := netip.ParsePrefix(text); err == nil {
			n.Networks = append(n.Networks, p)
		}
	}
	return n
}

// isNear reports whether an address is in one of the networks.
func (n Name) isNear(a netip.Addr) bool {
	return slices.ContainsFunc(n.Networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// From restricts a name to the addresses that can be reached from source: those of its family. A
// source that is not valid restricts nothing.
func (n Name) From(source netip.Addr) Name {
	switch {
	case n.Family != Any || !source.IsValid():
	case source.Unmap().Is4():
		n.Family = IPv4
	default:
		n.Family = IPv6
	}
	return n
}

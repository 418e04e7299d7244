// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"net/netip"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// ownAddress reports whether an address belongs to this host.
func ownAddress(a netip.AddrPort) (sample.Value, bool) {
	ip := a.Addr()
	if !ip.IsValid() {
		return sample.Value{}, false
	}
	own, err := isOwn(ip)
	return sample.Boolean(ip.IsLoopback() || own), err == nil
}

// leadsBack reports whether an address is that of the frontend itself, which the client connected
// to at own. Without this check, a client that may choose the host could choose the frontend, and
// the connection would loop until no descriptors are left. A frontend may listen on all addresses
// of this system, so its port is refused on all of them. If one address of a host is refused, all
// are: otherwise the connection could loop between two of them.
func leadsBack(to netip.AddrPort, own net.Addr) bool {
	at, known := own.(*net.TCPAddr)
	if !known || int(to.Port()) != at.Port {
		return false
	}
	ip := net.IP(to.Addr().Unmap().AsSlice())
	if ip.IsUnspecified() || ip.IsLoopback() || ip.Equal(at.IP) {
		return true
	}
	local, err := isOwn(to.Addr().Unmap())
	return err != nil || local
}

// isOwn reports whether an address belongs to one of this system's interfaces.
func isOwn(a netip.Addr) (bool, error) {
	own, err := net.InterfaceAddrs()
	return slices.ContainsFunc(own, func(other net.Addr) bool {
		n, ok := other.(*net.IPNet)
		return ok && n.IP.Equal(a.AsSlice())
	}), err
}

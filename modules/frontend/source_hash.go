// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"net/netip"
)

// dualStack is a connection that knows whether its listener accepts both versions of IP.
type dualStack interface {
	Dual() bool
}

// sourceForHash returns the client's address as policies hash it. One in a PROXY header is hashed
// as the header has it.
func (c *connection) sourceForHash() netip.Addr {
	source := c.rulesView(true).Source.Addr()
	if h := c.proxyHeader(); h != nil && h.HasAddresses() {
		return h.Source.Addr()
	}
	return hashedSource(c.Conn, source)
}

// hashedSource returns the client's address as policies hash it. On a listener for both versions
// of IP, an IPv4 address is the one mapped into IPv6, as in HAProxy.
func hashedSource(client net.Conn, source netip.Addr) netip.Addr {
	if !source.Is4() {
		return source
	}
	both := false
	switch c := client.(type) {
	case dualStack:
		both = c.Dual()
	case *net.TCPConn:
		remote, ok := c.RemoteAddr().(*net.TCPAddr)
		both = ok && len(remote.IP) == net.IPv6len // as the kernel gave it
	}
	if both {
		return netip.AddrFrom16(source.As16())
	}
	return source
}

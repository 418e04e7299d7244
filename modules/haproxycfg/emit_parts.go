// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"net"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// part is the address of a bind with a range of its ports. Any other bind has either all of these
// ports or none of them.
type part struct {
	network, host string // Caddy's; host is the whole address where there are no ports
	first, last   int
}

// String returns the address with its network.
func (p part) String() string { return p.network + "/" + p.address() }

// address returns the address without its network.
func (p part) address() string {
	if p.first == 0 {
		return p.host
	}
	port := strconv.Itoa(p.first)
	if p.last > p.first {
		port += "-" + strconv.Itoa(p.last)
	}
	return net.JoinHostPort(p.host, port)
}

// parts splits the address of a bind into parts.
func (t *translation) parts(b *bind) (parts []part) {
	shared := func(network string, port int) string {
		if t.isShared(b, port) {
			return network + "+shared"
		}
		return network
	}
	host := ""
	switch b.Family {
	case haproxyfile.FD:
		host = "fd/" + strconv.Itoa(b.FD)
	case haproxyfile.Unix:
		host = "unix/" + b.Path
	case haproxyfile.Abstract, haproxyfile.AbstractZ:
		host, _ = abstractName(&b.Address)
	default:
	}
	if host != "" {
		return []part{{network: shared("durable", 0), host: host}}
	}
	first := b.Port
	for _, end := range t.partEnds(b) {
		network, host := t.network(b, first)
		parts = append(parts, part{shared(network, first), host, first, end})
		first = end + 1
	}
	return parts
}

// network returns the network and the host of a bind at one of its ports.
func (t *translation) network(b *bind, port int) (network, host string) {
	switch {
	case b.allIPv4():
		return "durable4", "0.0.0.0"
	case b.allIPv6():
		// If IPv4 has a socket of its own, that socket gets its connections, as in HAProxy.
		if b.v6only || t.boundToIPv4(b, port) {
			return "durable6", "::"
		}
		return "durable", "::"
	}
	switch familyOf(&b.Address) {
	case "tcp4/":
		return "durable4", b.Host
	case "tcp6/":
		return "durable6", b.Host
	default:
		return "durable", b.Host
	}
}

// partEnds returns the last port of each part of b.
func (t *translation) partEnds(b *bind) []int {
	last := max(b.Port, b.PortHigh)
	ends := []int{last}
	for other := range t.activeBinds {
		for _, end := range []int{other.Port - 1, max(other.Port, other.PortHigh)} {
			if other != b && (other.allIPv4() && b.isBeside(other) || b.isSame(other)) && b.Port <= end && end < last {
				ends = append(ends, end)
			}
		}
	}
	slices.Sort(ends)
	return slices.Compact(ends)
}

// boundToIPv4 reports whether a port is bound on all IPv4 addresses, in the place of b.
func (t *translation) boundToIPv4(b *bind, port int) bool {
	for other := range t.activeBinds {
		if other.allIPv4() && other.has(port) && b.isBeside(other) {
			return true
		}
	}
	return false
}

// isShared reports whether another bind has the same address. HAProxy then lets the kernel choose
// one of them for each connection.
func (t *translation) isShared(b *bind, port int) bool {
	for other := range t.activeBinds {
		if other != b && other.has(port) && b.isSame(other) {
			return true
		}
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"net/netip"
	"strconv"
	"strings"
)

// Family is the kind of an [Address].
type Family uint8

// The families. Any is the family of a host name without a prefix, which may resolve to either
// version of IP.
const (
	Any Family = iota
	IPv4
	IPv6
	Unix       // a socket with a Path in the file system
	Abstract   // abns@: Linux's abstract namespace, padded with NULs to its full length
	AbstractZ  // abnsz@: the same without the padding
	FD         // an inherited file descriptor
	SocketPair // sockpair@: one end of a socket pair that passes connections as descriptors
)

// IsUnix reports whether the family is one of Unix sockets, in the file system or abstract.
func (f Family) IsUnix() bool { return f == Unix || f == Abstract || f == AbstractZ }

// Address is an address to listen on or to connect to. It is comparable. Parsing the result of
// String with [ParseAddress] returns an equal address, if [AddressOptions.Datagram] equals
// Datagram.
type Address struct {
	Family Family
	// Host, for the IP families, is an address in canonical form without brackets or zone, or a name,
	// or empty for all addresses of the family.
	Host string
	// Port and PortHigh are the ends of a range of ports. They are equal for a single port, and 0 if
	// HasPort is false.
	Port, PortHigh int
	HasPort        bool
	// Offset is added to the port that the client connected to ("+N", "-N"), for servers. HasPort is
	// then false.
	Offset int
	Path   string // for Unix; the name for Abstract and AbstractZ
	FD     int    // for FD and SocketPair
	// Datagram selects UDP, or datagrams on a Unix socket.
	Datagram bool
	// MPTCP selects Multipath TCP.
	MPTCP bool
}

// String returns the address in HAProxy's syntax, which [ParseAddress] accepts.
func (a Address) String() string {
	switch a.Family {
	case Any, IPv4, IPv6:
		return a.ipString()
	case Abstract:
		return a.dgram() + "abns@" + a.Path
	case AbstractZ:
		return a.dgram() + "abnsz@" + a.Path
	case FD:
		return a.dgram() + "fd@" + strconv.Itoa(a.FD)
	case SocketPair:
		return a.dgram() + "sockpair@" + strconv.Itoa(a.FD)
	case Unix:
	}
	switch {
	case a.Datagram:
		return "uxdg@" + a.Path
	case strings.HasPrefix(a.Path, "/"):
		return a.Path
	default:
		return "unix@" + a.Path
	}
}

func (a Address) dgram() string {
	if a.Datagram {
		return "dgram+"
	}
	return ""
}

func (a Address) ipString() string {
	version := map[Family]string{IPv4: "4", IPv6: "6"}[a.Family]
	host, prefix := a.Host, ""
	literal, err := netip.ParseAddr(host)
	switch {
	case err == nil && literal.Is6():
		host = "[" + host + "]"
	case err == nil || host == "" && a.Family == IPv4:
		// The host shows its version.
	case version != "":
		prefix = "ipv" + version + "@"
	}
	switch {
	case a.MPTCP:
		prefix = "mptcp" + version + "@"
	case a.Datagram:
		prefix = "udp" + version + "@"
	}
	return prefix + host + a.portString()
}

func (a Address) portString() string {
	switch {
	case a.Offset > 0:
		return ":+" + strconv.Itoa(a.Offset)
	case a.Offset < 0:
		return ":" + strconv.Itoa(a.Offset)
	case !a.HasPort && a.Host == "":
		return ":" // the text must not be empty
	case !a.HasPort:
		return ""
	case a.PortHigh > a.Port:
		return ":" + strconv.Itoa(a.Port) + "-" + strconv.Itoa(a.PortHigh)
	default:
		return ":" + strconv.Itoa(a.Port)
	}
}

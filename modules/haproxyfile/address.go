// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"net/netip"
	"strconv"
	"strings"
)

// Family is the kind of an [Address].
type Family uint8

// The families. Any is that of a host name without a prefix, which may turn out to be of either
// version of IP.
const (
	Any Family = iota
	IPv4
	IPv6
	Unix       // a socket with a Path in the file system
	Abstract   // abns@: Linux's abstract namespace, padded with NULs to its full length
	AbstractZ  // abnsz@: the same without the padding
	FD         // a file descriptor that is open already
	SocketPair // sockpair@: one half of such a pair, which new connections come through as descriptors
)

// IsUnix reports whether the family is that of Unix sockets, in the file system or not.
func (f Family) IsUnix() bool { return f == Unix || f == Abstract || f == AbstractZ }

// Address is where to listen or to connect. It is comparable. What String returns, [ParseAddress]
// makes the same address of, if [AddressOptions.Datagram] is as Datagram is here.
type Address struct {
	Family Family
	// Host of an IP family is an address without brackets or zone, in its usual form, or a name, or
	// empty for all addresses of the family.
	Host string
	// Port to PortHigh is the range of ports; with a single one they are equal. Both are 0 if HasPort
	// is false.
	Port, PortHigh int
	HasPort        bool
	// Offset is what a server adds to the port that the client came to ("+N", "-N"). HasPort is false
	// then.
	Offset int
	Path   string // of Unix; of Abstract and AbstractZ the name
	FD     int    // of FD and SocketPair
	// Datagram tells that it is for UDP, or for datagrams on a Unix socket.
	Datagram bool
	// MPTCP tells that HAProxy would speak Multipath TCP here.
	MPTCP bool
}

// String returns the address in HAProxy's words, in one of the forms that [ParseAddress] takes.
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
		// Its version can be seen.
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
		return ":" // the text is not to be empty
	case !a.HasPort:
		return ""
	case a.PortHigh > a.Port:
		return ":" + strconv.Itoa(a.Port) + "-" + strconv.Itoa(a.PortHigh)
	default:
		return ":" + strconv.Itoa(a.Port)
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"errors"
	"fmt"
	"strings"
)

// AddressOptions describes the purpose of an address.
type AddressOptions struct {
	// Bind is for an address to listen on: a port is required and may be a range, and file descriptors
	// are allowed. In an address to connect to, the port may be an offset, or missing.
	Bind bool
	// Datagram is for an address to send logs to: it is a UDP address unless it has another prefix.
	Datagram bool
	// Getenv looks up variables outside of quotes, which HAProxy expands only in addresses;
	// [Environment] returns such a function. Unset variables are empty. Default: such a variable is an
	// error.
	Getenv func(string) (string, bool)
}

// The limits for the path of a socket, in bytes: HAProxy renames it at startup to a longer path.
const (
	maxPath     = 97
	maxAbstract = 107
)

// A scheme is a prefix of addresses. The first that matches counts.
type scheme struct {
	prefix    string
	family    Family
	transport transport
}

type transport uint8

const (
	usual transport = iota // that of AddressOptions
	stream
	datagram
	mptcp
	quic
)

// transports holds the prefixes that may precede a scheme.
var transports = []scheme{
	{prefix: "stream+", transport: stream},
	{prefix: "dgram+", transport: datagram},
	{prefix: "quic+", transport: quic},
}

var schemes = []scheme{
	{"unix@", Unix, usual},
	{"uxst@", Unix, stream},
	{"uxdg@", Unix, datagram},
	{"abns@", Abstract, usual},
	{"abnsz@", AbstractZ, usual},
	{"ip@", Any, usual},
	{"ipv4@", IPv4, usual},
	{"ipv6@", IPv6, usual},
	{"tcp@", Any, stream},
	{"tcp4@", IPv4, stream},
	{"tcp6@", IPv6, stream},
	{"mptcp@", Any, mptcp},
	{"mptcp4@", IPv4, mptcp},
	{"mptcp6@", IPv6, mptcp},
	{"udp@", Any, datagram},
	{"udp4@", IPv4, datagram},
	{"udp6@", IPv6, datagram},
	{"quic4@", IPv4, quic},
	{"quic6@", IPv6, quic},
	{"fd@", FD, usual},
	{"sockpair@", SocketPair, usual},
}

// ParseAddress parses the address of a "bind" or "server" line: an IP address, a host name, or "*"
// or nothing for all addresses, with a port after the last colon; or a path. Each may have a prefix
// such as "ipv6@" or "unix@". IPv6 addresses may be in brackets, and must be without a port. Names
// are not resolved. Forms that HAProxy leaves to the resolver, such as "1.2.3" for 1.2.0.3 or
// "[localhost]", are errors.
//
// Errors are worded like HAProxy's, and add the expected form.
func ParseAddress(text string, o AddressOptions) (Address, error) {
	p := addressParser{text: text, options: o}
	rest, err := p.expand(text)
	if err != nil {
		return Address{}, err
	}
	if rest == "" {
		return Address{}, fmt.Errorf("'%s' resolves to an empty address (environment variable missing?)", text)
	}
	family, kind, rest := cutScheme(rest)
	p.address.Family = family
	if err := p.setTransport(kind); err != nil {
		return Address{}, err
	}
	switch family {
	case Unix, Abstract, AbstractZ:
		err = p.parsePath(rest)
	case FD, SocketPair:
		err = p.parseFD(rest)
	case Any, IPv4, IPv6:
		err = p.parseIP(rest)
	}
	if err != nil {
		return Address{}, err
	}
	return p.address, nil
}

// ParseAddresses parses the comma-separated addresses of a "bind" line. The list may end with a
// comma.
func ParseAddresses(list string, o AddressOptions) ([]Address, error) {
	if list == "" {
		return nil, errors.New("no address: expected [ADDRESS]:PORT[-PORT], or the path of a socket")
	}
	var addresses []Address
	for text := range strings.SplitSeq(strings.TrimSuffix(list, ","), ",") {
		a, err := ParseAddress(text, o)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}

// An addressParser parses an address. Its text is for errors.
type addressParser struct {
	text    string
	options AddressOptions
	address Address
}

// cutScheme removes the prefixes. A path needs none.
func cutScheme(text string) (family Family, kind transport, rest string) {
	for _, t := range transports {
		if after, ok := strings.CutPrefix(text, t.prefix); ok {
			text, kind = after, t.transport
			break
		}
	}
	for _, s := range schemes {
		if after, ok := strings.CutPrefix(text, s.prefix); ok {
			if s.transport != usual {
				kind = s.transport
			}
			return s.family, kind, after
		}
	}
	if strings.HasPrefix(text, "/") {
		return Unix, kind, text
	}
	return Any, kind, text
}

func (p *addressParser) setTransport(kind transport) error {
	switch kind {
	case quic:
		return fmt.Errorf("QUIC address not acceptable in '%s': expected one for TCP", p.text)
	case usual:
		p.address.Datagram = p.options.Datagram
	case datagram:
		p.address.Datagram = true
	case mptcp:
		p.address.MPTCP = true
	case stream:
	}
	if p.address.Datagram && !p.options.Datagram {
		return fmt.Errorf("dgram-type address not acceptable in '%s': expected one for TCP", p.text)
	}
	return nil
}

func (p *addressParser) parsePath(path string) error {
	limit := maxPath
	if p.address.Family != Unix {
		limit = maxAbstract
	}
	if path == "" {
		return fmt.Errorf("no socket path in '%s': expected one after the '@'", p.text)
	}
	if len(path) > limit {
		return fmt.Errorf("socket path '%s' too long (max %d)", path, limit)
	}
	p.address.Path = path
	return nil
}

func (p *addressParser) parseFD(number string) error {
	if p.address.Family == FD && !p.options.Bind && !p.options.Datagram {
		return fmt.Errorf("a file descriptor is not acceptable here in '%s': expected an address to connect to", p.text)
	}
	n, err := ParseUint(number, 0, 1<<31-1)
	if err != nil {
		return fmt.Errorf("file descriptor '%s' is not a valid integer in '%s'", number, p.text)
	}
	p.address.FD = int(n)
	return nil
}

// expand expands "$NAME" and "${NAME}", as HAProxy does in addresses, in quotes or not.
func (p *addressParser) expand(text string) (string, error) {
	var expanded strings.Builder
	for {
		before, after, ok := strings.Cut(text, "$")
		expanded.WriteString(before)
		if !ok {
			return expanded.String(), nil
		}
		if p.options.Getenv == nil {
			return "", fmt.Errorf("variable outside of quotes in '%s': expected it in double quotes", p.text)
		}
		name, braced := strings.CutPrefix(after, "{")
		n := nameLength(name)
		name, text = name[:n], name[n:]
		closed := true
		if braced {
			text, closed = strings.CutPrefix(text, "}")
		}
		if n == 0 || name[0] == '.' || !closed {
			return "", fmt.Errorf("invalid environment variable in '%s': expected $NAME or ${NAME}", p.text)
		}
		value, _ := p.options.Getenv(name)
		expanded.WriteString(value)
	}
}

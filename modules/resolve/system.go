// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
)

// System is the system's resolver: files such as /etc/hosts, and the configured DNS servers. It
// does not know the TTL of addresses.
type System struct{}

// Lookup implements Source.
func (System) Lookup(ctx context.Context, host string, family Family) ([]netip.Addr, time.Duration, error) {
	network := "ip4"
	if family == IPv6 {
		network = "ip6"
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	// A file has the host, but no address of this family.
	if unsuitable, ok := errors.AsType[*net.AddrError](err); ok {
		err = &net.DNSError{UnwrapErr: unsuitable, Err: "no suitable address", Name: host, IsNotFound: true}
	}
	return addresses, 0, err
}

var (
	errNoAnswer = errors.New("no answer in time")
	errBusy     = errors.New("too many names are being looked up")
	// errNoResolver is for a server whose configuration has just ended.
	errNoResolver = errors.New("its resolvers are no longer configured")
)

// Error says that a name has no addresses, or that they could not be renewed, and why.
type Error struct {
	Host string
	// Err is the Source's error. It is not unwrapped: a timeout of the DNS is not a timeout of a
	// server.
	Err error
}

// NotFound reports whether the DNS says that the host does not exist.
func (e *Error) NotFound() bool { return isNotFound(e.Err) }

// Error returns a short text that is the same each time: without the source port of the query, for
// instance.
func (e *Error) Error() string {
	reason, server := e.Err.Error(), ""
	if dns, ok := errors.AsType[*net.DNSError](e.Err); ok {
		reason, server = dns.Err, dns.Server
		switch {
		case dns.IsNotFound:
			reason = "no such host"
		case dns.IsTimeout:
			reason = errNoAnswer.Error()
		case strings.Contains(reason, "->"):
			reason = reason[strings.LastIndex(reason, ": ")+2:]
		}
	}
	text := "resolving " + e.Host + ": " + reason + " (DNS)"
	if server != "" {
		text += "; asked " + server
	}
	return text
}

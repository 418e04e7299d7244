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

// System is the system's resolver: files such as /etc/hosts, and the DNS servers
// that it is configured with. It does not say for how long addresses are good.
type System struct{}

// Lookup asks for one family alone.
func (System) Lookup(ctx context.Context, host string, family Family) ([]netip.Addr, time.Duration, error) {
	network := "ip4"
	if family == IPv6 {
		network = "ip6"
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	// A file has the host, and no address of this family.
	if unsuitable, ok := errors.AsType[*net.AddrError](err); ok {
		err = &net.DNSError{UnwrapErr: unsuitable, Err: "no suitable address", Name: host, IsNotFound: true}
	}
	return addresses, 0, err
}

var (
	errNoAnswer = errors.New("no answer in time")
	errBusy     = errors.New("too many names are being looked up")
)

// Error is why a name has no addresses, or why they could not be renewed.
type Error struct {
	Host string
	// Err is what the Source says. It is not unwrapped: that the DNS takes long does
	// not mean that a server does.
	Err error
}

// NotFound reports whether the DNS says that there is no such host.
func (e *Error) NotFound() bool { return isNotFound(e.Err) }

// Error says what was wrong in few words, the same each time: without the port that
// was asked from, for instance.
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

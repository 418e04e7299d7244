// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Destination is where a connection goes that no client waits for, or a connection of net/http,
// which needs a net.Conn. Frontends connect by package relay instead.
type Destination struct {
	Address string // a server's address without placeholders, with a port that is not relative
	Naming  pool.Naming
	Timeout time.Duration        // of the lookup, and of each address; 0: none
	Socket  *relay.SocketOptions // nil: none
	Ready   bool                 // the connection is for a frontend: it is one of package relay
}

// Connect connects to the destination in ctx, trying the addresses of a host name one after
// another.
func (d *Destination) Connect(ctx context.Context) (net.Conn, error) {
	network, address := SplitAddress(d.Address)
	dialer := net.Dialer{Timeout: d.Timeout, FallbackDelay: -1}
	if network == "unix" {
		return dialer.DialContext(ctx, network, address)
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	name := resolve.NewName(network, host, d.Naming.ResolvePrefer).Near(d.Naming.ResolveNet).From(d.Socket.SourceAddr(netip.AddrPort{}))
	answer, err := resolve.Named(d.Naming.Resolver).Lookup(name, d.Timeout, ctx.Done())
	if err != nil {
		return nil, err
	}
	return answer.Connect(d.Timeout, ctx.Done(), func(to netip.Addr, within time.Duration) (net.Conn, error) {
		address := netip.AddrPortFrom(to, uint16(port))
		if d.Socket != nil || d.Ready {
			return relay.Dial(address, relay.DialOptions{Timeout: within, Cancel: ctx.Done(), Socket: d.Socket, KeepAlive: d.Ready}, nil)
		}
		dialer.Timeout = within
		return dialer.DialContext(ctx, "tcp", address.String())
	})
}

// ValidateDestination validates the address of a destination that is not a Unix socket.
func ValidateDestination(address string) error {
	if err := validateFamily(address); err != nil {
		return err
	}
	_, to := resolve.CutNetwork(address)
	return validateFilledAddress(to)
}

// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// dial connects to the server of a claim.
func (c *connection) dial(k *claim) *ending {
	s := k.server
	c.stage = tcplog.KilledConnect
	c.record.Redispatched = c.record.Redispatched || c.record.Server != "" && c.record.Server != s.Name
	c.record.Server, c.record.Address = s.Name, s.Address
	conn, err := c.dialServer(k.Backend, s, relay.DialOptions{
		Timeout:   max(0, time.Duration(k.Backend.Timeouts.Connect)),
		KeepAlive: c.terms.options.Patient(),
		Client:    c.Conn,
		Cancel:    c.gone,
		Slow:      k.client.begin,
	})
	if err != nil {
		end, by := connectEnd(err)
		return &ending{end: end, by: by, err: err, unserved: true}
	}
	k.conn = conn
	return nil
}

// outcomeOf returns what a failed attempt says of the server: nothing, where it did not
// come to the server.
func outcomeOf(end tcplog.End) pool.Outcome {
	switch end {
	case tcplog.Unresolved, tcplog.NoResources:
		return pool.NotTried
	default:
		return pool.ConnectFailed
	}
}

// connectEnd returns how a connection ends that could not be made, and by whom.
func connectEnd(err error) (tcplog.End, relay.Side) {
	var timeout net.Error
	switch {
	case errors.Is(err, errNoAddress):
		return tcplog.NoAddress, relay.Proxy
	case isUnresolved(err):
		return tcplog.Unresolved, relay.Proxy
	case errors.As(err, &timeout) && timeout.Timeout():
		return tcplog.ConnectTimeout, relay.Server
	case relay.IsShortage(err):
		return tcplog.NoResources, relay.Proxy
	default:
		return tcplog.ConnectFailed, relay.Server
	}
}

// dialServer connects, and sends the hello as soon as it is connected.
func (c *connection) dialServer(b *balancer.Backend, s *pool.Server, o relay.DialOptions) (net.Conn, error) {
	if to, err := netip.ParseAddrPort(s.Address); err == nil {
		return relay.Dial(to, o, c.hello.Bytes())
	}
	if balancer.IsTemplate(s.Address) {
		return c.dialFilled(b, s, o)
	}
	network, address := balancer.SplitAddress(s.Address)
	if network == "unix" {
		return relay.DialUnix(address, c.hello.Bytes())
	}
	if balancer.HasRelativePort(address) {
		filled, err := balancer.FillPort(address, c.localPort())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoAddress, err)
		}
		address, c.record.Address = filled, filled
		if to, err := netip.ParseAddrPort(address); err == nil {
			return relay.Dial(to, o, c.hello.Bytes())
		}
	}
	return c.dialHost(&hostname{network: network, address: address, prefer: s.ResolvePrefer, among: resolve.Servers}, o)
}

// localPort is the port that the client came to; 0: it came to none.
func (c *connection) localPort() int {
	if at, ok := c.LocalAddr().(*net.TCPAddr); ok {
		return at.Port
	}
	return 0
}

// dialFilled connects to an address that depends on the connection.
func (c *connection) dialFilled(b *balancer.Backend, s *pool.Server, o relay.DialOptions) (net.Conn, error) {
	c.readForTemplate(s.Address)
	network, template := balancer.SplitAddress(s.Address)
	address, err := balancer.FillAddress(template, c.matching().Replacer())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAddress, err)
	}
	c.record.Address = address
	to := &hostname{network: network, address: address, prefer: s.ResolvePrefer, among: resolve.Servers}
	if host, _, err := net.SplitHostPort(template); err != nil || balancer.IsTemplate(host) {
		to.among = resolve.Clients
	}
	to.refused = func(a netip.AddrPort) error {
		switch {
		case leadsBack(a, c.LocalAddr()):
			return fmt.Errorf("%s is this frontend", a)
		case to.among == resolve.Clients && !b.AllowLocalAddresses && isLocal(a.Addr()):
			return fmt.Errorf("%s is no address for a host that a client may choose, unless allow_local_addresses is set", a)
		}
		return nil
	}
	conn, err := c.dialHost(to, o)
	if unresolved, ok := errors.AsType[*resolve.Error](err); ok && unresolved.NotFound() {
		err = fmt.Errorf("%w: %w", errNoAddress, err)
	}
	return conn, err
}

// slowLookup is after what time of waiting for the DNS it is worth to notice a client
// that leaves.
const slowLookup = 20 * time.Millisecond

// hostname is an address whose host is a name, or may be one.
type hostname struct {
	network, address, prefer string
	among                    *resolve.Resolver
	refused                  func(netip.AddrPort) error // nil: none is
}

// dialHost connects to one of the addresses of a name.
func (c *connection) dialHost(h *hostname, o relay.DialOptions) (net.Conn, error) {
	host, text, err := net.SplitHostPort(h.address)
	if err != nil {
		return nil, fmt.Errorf("server address %q: %w", h.address, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("server address %q: %w", h.address, err)
	}
	name := resolve.NewName(h.network, host, h.prefer)
	began := time.Now()
	if o.Slow != nil { // a name that is known takes no time
		defer time.AfterFunc(slowLookup, o.Slow).Stop()
	}
	answer, err := h.among.Lookup(name, o.Timeout, o.Cancel)
	if err != nil {
		return nil, err
	}
	at := func(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, uint16(port)) }
	if h.refused != nil {
		for _, a := range answer.Addresses {
			if err := h.refused(at(a)); err != nil {
				return nil, fmt.Errorf("%w: %w", errNoAddress, err)
			}
		}
	}
	left := o.Timeout
	if left > 0 {
		left = max(1, left-time.Since(began))
	}
	return answer.Connect(left, o.Cancel, func(to netip.Addr, within time.Duration) (net.Conn, error) {
		o.Timeout = within
		return relay.Dial(at(to), o, c.hello.Bytes())
	})
}

// errNoAddress is a failure to connect that another attempt cannot mend.
var errNoAddress = errors.New("no address to connect to")

// isUnresolved reports whether a failure to connect is the DNS's.
func isUnresolved(err error) bool {
	_, unresolved := errors.AsType[*resolve.Error](err)
	return unresolved
}

// leadsBack reports whether an address is that of a frontend that the client
// connected to at own. It keeps a client that may choose the host from choosing the
// frontend: the connection would go round until there are no descriptors left. A
// frontend may listen on every address of this system, so that its port is refused on
// all of them; and a host that has one such address is refused with all that it has:
// with two of them the connection would go to and fro.
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

// isOwn reports whether an address is one of this system's interfaces.
func isOwn(a netip.Addr) (bool, error) {
	own, err := net.InterfaceAddrs()
	return slices.ContainsFunc(own, func(other net.Addr) bool {
		n, ok := other.(*net.IPNet)
		return ok && n.IP.Equal(a.AsSlice())
	}), err
}

// isLocal reports whether an address leads to this system, or to what only those on its
// link can reach, such as the metadata of a cloud's machine (169.254.169.254).
func isLocal(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast()
}

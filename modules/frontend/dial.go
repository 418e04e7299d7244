// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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
	to, err := c.nextDestination(k)
	if err == nil {
		k.first, k.header = c.firstBytes(k)
		k.conn, err = c.connect(k, to)
	}
	return c.noteDialResult(k, err)
}

// connect returns a connection to the claim's server that is ready, or else connects to it. The
// server has been sent the first bytes.
func (c *connection) connect(k *claim, to destination) (net.Conn, error) {
	for ready := k.Backend.TakeReady(k.server); ready != nil; ready = k.Backend.TakeReady(k.server) {
		if relay.SendFirst(ready, k.first) {
			return ready, nil
		}
		_ = ready.Close()
	}
	socket, client := c.serverSocket(k)
	return to.dial(relay.DialOptions{
		Timeout:    max(0, time.Duration(k.Backend.Timeouts.Connect)),
		KeepAlive:  c.shared.options.NeedsKeepAlive(),
		Client:     c.Conn,
		Cancel:     c.gone,
		Slow:       k.watch.start,
		Socket:     socket,
		ClientAddr: client,
	}, k.first)
}

// serverSocket returns the options of the socket towards the claim's server, or nil, and the
// client's address for them.
func (c *connection) serverSocket(k *claim) (o *relay.SocketOptions, client netip.AddrPort) {
	if o = k.Backend.Socket(k.server); o != nil {
		client = c.clientAddr()
	}
	return o, client
}

// nextDestination returns where to find the claim's server, and records that server as the one
// tried.
func (c *connection) nextDestination(k *claim) (destination, error) {
	s := k.server
	if c.record.Server != "" && c.record.Server != s.Name {
		c.record.Redispatched, c.record.Moved = true, time.Since(k.began)-c.record.Queue
	}
	c.record.Server, c.record.Address = s.Name, s.Address
	to, err := c.destination(k.Backend, s)
	if to.filled != "" {
		c.record.Address = to.filled
	}
	c.reach(tcplog.KilledConnect)
	return to, err
}

// noteDialResult takes the result of an attempt: nil once the server is connected, or the error.
func (c *connection) noteDialResult(k *claim, err error) *ending {
	if err != nil {
		end, by := connectEnd(err)
		return &ending{end: end, by: by, err: err, unserved: true}
	}
	k.lease.Reached()
	c.record.Connect = time.Since(k.began) - c.record.Queue
	return nil
}

// outcomeOf returns how a failed attempt counts against the server. It does not count if the
// attempt never reached the server.
func outcomeOf(end tcplog.End) pool.Outcome {
	switch end {
	case tcplog.Unresolved, tcplog.NoResources:
		return pool.NotTried
	default:
		return pool.ConnectFailed
	}
}

// connectEnd returns how a connection ends, and by which side, after a failure to connect.
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

// destination is where to find a server, with placeholders and relative ports filled in: an
// address, a Unix socket, or a host name to look up.
type destination struct {
	at   netip.AddrPort // if it is valid, the other fields are unused
	path string         // of a Unix socket, if it is one

	network, address string // of a host
	naming           pool.Naming
	resolver         *resolve.Resolver
	checkAddress     func(netip.AddrPort) error // returns why it is refused; nil allows all

	filled   string // the address, where it depends on the connection
	byClient bool   // by what the client says
}

// destination returns where to find a server. It does not block.
func (c *connection) destination(b *balancer.Backend, s *pool.Server) (d destination, err error) {
	if at, err := netip.ParseAddrPort(s.Address); err == nil && !at.Addr().IsUnspecified() {
		return destination{at: at}, nil
	}
	if balancer.IsTemplate(s.Address) {
		return c.templateDestination(b, s)
	}
	if balancer.IsClientDestination(s.Address) {
		return c.clientDestination(b, s)
	}
	network, address := balancer.SplitAddress(s.Address)
	if network == "unix" {
		return destination{path: address}, nil
	}
	if balancer.HasRelativePort(address) {
		if address, err = balancer.FillPort(address, c.localPort()); err != nil {
			return d, fmt.Errorf("%w: %w", errNoAddress, err)
		}
		d.filled = address
		if d.at, err = netip.ParseAddrPort(address); err == nil {
			return d, nil
		}
	}
	d.network, d.address, d.naming, d.resolver = network, address, s.Naming, resolve.Named(s.Resolver)
	return d, nil
}

// localPort returns the port that the client connected to, or 0 if it is not a TCP connection.
func (c *connection) localPort() int {
	return int(c.rulesView(true).Destination.Port())
}

// templateDestination returns where to find a server whose address has placeholders of the
// connection.
func (c *connection) templateDestination(b *balancer.Backend, s *pool.Server) (d destination, err error) {
	c.readForTemplate(s.Address)
	network, template := balancer.SplitAddress(s.Address)
	address, err := balancer.FillAddress(template, c.connForMatchers().Replacer())
	if err != nil {
		return d, fmt.Errorf("%w: %w", errNoAddress, err)
	}
	d = destination{network: network, address: address, naming: s.Naming, resolver: resolve.Named(s.Resolver), filled: address, byClient: true}
	host, _, err := net.SplitHostPort(template)
	chosen := err != nil || balancer.IsTemplate(host)
	if chosen {
		d.resolver = d.resolver.ForClients()
	}
	d.checkAddress = func(a netip.AddrPort) error { return c.refuseDestination(b, a, chosen) }
	return d, nil
}

// dial connects and sends the hello as soon as the connection is established.
func (d *destination) dial(o relay.DialOptions, hello []byte) (net.Conn, error) {
	if d.at.IsValid() {
		return relay.Dial(d.at, o, hello)
	}
	if d.path != "" {
		return relay.DialUnix(d.path, hello)
	}
	conn, err := d.dialHost(o, hello)
	if unresolved, ok := errors.AsType[*resolve.Error](err); ok && d.byClient && unresolved.NotFound() {
		err = fmt.Errorf("%w: %w", errNoAddress, err)
	}
	return conn, err
}

// slowLookup is the time of a DNS lookup after which it is worth watching for a client that
// leaves.
const slowLookup = 20 * time.Millisecond

// dialHost connects to one of the addresses of a host.
func (d *destination) dialHost(o relay.DialOptions, hello []byte) (net.Conn, error) {
	host, text, err := net.SplitHostPort(d.address)
	if err != nil {
		return nil, fmt.Errorf("server address %q: %w", d.address, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("server address %q: %w", d.address, err)
	}
	name := resolve.NewName(d.network, host, d.naming.ResolvePrefer).Near(d.naming.ResolveNet).From(o.Socket.SourceAddr(o.ClientAddr))
	began := time.Now()
	if o.Slow != nil { // a cached name takes no time
		defer time.AfterFunc(slowLookup, o.Slow).Stop()
	}
	answer, err := d.resolver.Lookup(name, o.Timeout, o.Cancel)
	if err != nil {
		return nil, err
	}
	at := func(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, uint16(port)) }
	if d.checkAddress != nil {
		for _, a := range answer.Addresses {
			if err := d.checkAddress(at(a)); err != nil {
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
		return relay.Dial(at(to), o, hello)
	})
}

// errNoAddress marks a failure to connect that a retry cannot cure.
var errNoAddress = errors.New("no address to connect to")

// isUnresolved reports whether a failure to connect is a failed DNS lookup.
func isUnresolved(err error) bool {
	_, unresolved := errors.AsType[*resolve.Error](err)
	return unresolved
}

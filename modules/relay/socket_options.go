// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// SocketOptions say how the sockets of connections to servers are set up before they connect. One
// value is made when a configuration is loaded and shared by all its connections: it must not be
// copied or changed once it is in use. It is safe for concurrent use.
type SocketOptions struct {
	// Source is the address to connect from; not valid: the system chooses. It is HAProxy's source.
	Source netip.Addr
	// FirstPort and LastPort bound the ports to connect from; both 0: the system chooses. A port
	// serves one connection to each address of a server at a time.
	FirstPort, LastPort uint16
	// Transparent selects the address that the server sees in place of this system's. It is
	// HAProxy's usesrc. If the client has no IP address, Source applies.
	Transparent Transparent
	// Address is the one of TransparentAddress; its port may be 0.
	Address netip.AddrPort
	// Interface is the network interface to connect through (SO_BINDTODEVICE), or empty.
	Interface string
	// Namespace is the network namespace to connect from; nil: the one of the process. It is HAProxy's
	// namespace. Making a socket in another one waits for a thread.
	Namespace Namespace
	// FastOpen sends the first bytes with the SYN where the server has allowed that before (TCP Fast
	// Open, RFC 7413).
	FastOpen bool
	// UserTimeout is the time that sent data may stay unacknowledged (TCP_USER_TIMEOUT); 0: the
	// system's.
	UserTimeout time.Duration
	// MSS is the maximum segment size (TCP_MAXSEG); 0: the system's.
	MSS int
	// KeepAlive replaces DialOptions.KeepAlive, unless nil.
	KeepAlive *KeepAlive

	last atomic.Uint32 // the position in the range of ports that was used last
}

// Namespace is a network namespace. Do calls f in it and returns the error of f, or why it did not.
type Namespace interface{ Do(f func() error) error }

// KeepAlive says when the kernel probes a silent server.
type KeepAlive struct {
	Idle     time.Duration // before the first probe; 0: 15 s; below 0: no probes
	Interval time.Duration // between two probes; 0: 15 s
	Count    int           // unanswered probes that end the connection; 0: the system's
}

// Transparent selects the address of which a server sees a connection come.
type Transparent uint8

// The addresses. All but NotTransparent need the capability CAP_NET_ADMIN, and routes by which the
// server's packets to these addresses come back here.
const (
	NotTransparent      Transparent = iota // Source
	TransparentClient                      // the client's address and port
	TransparentClientIP                    // the client's address
	TransparentAddress                     // SocketOptions.Address
)

// A SocketError is the error of setting up a socket as SocketOptions ask. It says nothing about the
// server: IsShortage reports true.
type SocketError struct {
	What string // the step that failed
	Err  error
}

func (e *SocketError) Error() string { return e.What + ": " + e.Err.Error() }
func (e *SocketError) Unwrap() error { return e.Err }

// errPortsInUse is the cause of a SocketError if there is no free port.
var errPortsInUse = errors.New("all ports are in use")

// hasPorts reports whether there is a range of ports. With the client's address it is not used.
func (o *SocketOptions) hasPorts(client netip.AddrPort) bool {
	return o != nil && o.FirstPort != 0 && !o.isTransparent(client)
}

// isTransparent reports whether the connection is to come from an address of another system.
func (o *SocketOptions) isTransparent(client netip.AddrPort) bool {
	return o.Transparent == TransparentAddress || o.Transparent != NotTransparent && client.IsValid()
}

// from returns the address to connect from, without the port of a range. It is not valid if the
// system chooses.
func (o *SocketOptions) from(client netip.AddrPort) netip.AddrPort {
	at := netip.AddrPortFrom(o.Source, 0)
	switch {
	case o.Transparent == TransparentAddress:
		at = o.Address
	case o.Transparent == TransparentClient && client.IsValid():
		at = client
	case o.Transparent == TransparentClientIP && client.IsValid():
		at = netip.AddrPortFrom(client.Addr(), 0)
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// SourceAddr returns the address that a connection is to come from. It is not valid if the system
// chooses. o may be nil.
func (o *SocketOptions) SourceAddr(client netip.AddrPort) netip.Addr {
	if o == nil {
		return netip.Addr{}
	}
	return o.from(client).Addr()
}

// sourceError returns the error of connecting from an address.
func sourceError(from netip.AddrPort, err error) error {
	at := from.Addr().String()
	if from.Port() != 0 {
		at = from.String()
	}
	return &SocketError{"connecting from " + at, err}
}

// errFamily returns the error if a server's address is of the other version of IP.
func errFamily(from, to netip.AddrPort) error {
	if from.Addr().Is4() == to.Addr().Is4() {
		return nil
	}
	version := 6
	if to.Addr().Is4() {
		version = 4
	}
	return sourceError(from, fmt.Errorf("the server's address %s is of IP version %d", to.Addr(), version))
}

// replacesKeepAlive reports whether DialOptions.KeepAlive has no effect.
func (o *SocketOptions) replacesKeepAlive() bool { return o != nil && o.KeepAlive != nil }

// explain names the address to connect from in an error of connect that is due to it.
func (o *SocketOptions) explain(err error, client netip.AddrPort) error {
	if _, explained := errors.AsType[*SocketError](err); explained {
		return err
	}
	from := o.from(client)
	if from.IsValid() && slices.ContainsFunc(sourceFaults, func(e error) bool { return errors.Is(err, e) }) {
		return sourceError(from, err)
	}
	return err
}

// sourceFaults are the errors of connect for an address to connect from: its port is in use, or no
// packet from it may go there.
var sourceFaults = []error{syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EINVAL}

// isPortInUse reports whether another port may do.
func isPortInUse(err error) bool {
	_, own := errors.AsType[*SocketError](err)
	return errors.Is(err, syscall.EADDRINUSE) || !own && errors.Is(err, syscall.EADDRNOTAVAIL)
}

// ranged returns the text of the range of ports, with the address.
func (o *SocketOptions) ranged() string {
	host := "any address"
	if o.Source.IsValid() {
		host = o.Source.String()
	}
	if o.FirstPort == o.LastPort {
		return fmt.Sprintf("port %d of %s", o.FirstPort, host)
	}
	return fmt.Sprintf("ports %d-%d of %s", o.FirstPort, o.LastPort, host)
}

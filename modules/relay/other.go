// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package relay

import (
	"fmt"
	"iter"
	"net"
	"net/netip"
)

// Dial connects to a server. It leaves the first bytes to Start. It is safe for concurrent use.
func Dial(to netip.AddrPort, o DialOptions, _ []byte) (net.Conn, error) {
	d := net.Dialer{Timeout: o.Timeout, KeepAlive: -1, Cancel: o.Cancel} //nolint:staticcheck // a context would cost each connection
	if o.KeepAlive {
		d.KeepAlive = 0
	}
	if o.Socket == nil {
		return d.Dial("tcp", to.String())
	}
	from := netip.AddrPortFrom(o.Socket.Source, o.Socket.FirstPort)
	if from.Addr().IsValid() {
		if err := errFamily(from, to); err != nil {
			return nil, err
		}
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
	}
	if k := o.Socket.KeepAlive; k != nil {
		d.KeepAlive = -1
		d.KeepAliveConfig = net.KeepAliveConfig{Enable: k.Idle >= 0, Idle: max(0, k.Idle), Interval: k.Interval, Count: k.Count}
	}
	conn, err := d.Dial("tcp", to.String())
	if err != nil {
		err = o.Socket.explain(err, o.ClientAddr)
	}
	return conn, err
}

// IsOpen reports that a connection may still be used: these systems find out when they use it.
func IsOpen(net.Conn) bool { return true }

// SendFirst leaves the first bytes to Start.
func SendFirst(net.Conn, []byte) bool { return true }

// ServerLocal returns no address: without shards, the caller has the connection.
func (s *Session) ServerLocal() netip.AddrPort { return netip.AddrPort{} }

// Supported returns an error that names an option which this system does not have.
func (o *SocketOptions) Supported() error {
	for name, used := range map[string]bool{
		"connecting from a range of ports":                     o.FirstPort != o.LastPort,
		"connecting from an address that is not this system's": o.Transparent != NotTransparent,
		"connecting through a certain interface":               o.Interface != "",
		"connecting from another network namespace":            o.Namespace != nil,
		"TCP Fast Open":           o.FastOpen,
		"a timeout for sent data": o.UserTimeout != 0,
		"a maximum segment size":  o.MSS != 0,
	} {
		if used {
			return fmt.Errorf("%s is available on Linux only", name)
		}
	}
	return nil
}

// Permitted returns the error of the kernel if this process may not use the options.
func (o *SocketOptions) Permitted() error { return nil }

// DialUnix connects to the Unix socket at a path, as Dial does.
func DialUnix(path string, _ []byte) (net.Conn, error) { return net.Dial("unix", path) }

// Silence makes the next Close of a connection send RST: only Linux can close one without a packet.
func Silence(c net.Conn) { Abort(c) }

func isOwn(net.Conn) bool { return false }

func sentTo(net.Conn) int { return 0 }

// engineSession is empty: only Linux has an engine.
type engineSession struct{}

type engineExtra struct{}

func (*engineSession) isActive() bool { return false }

func (*engineSession) counters() Counters { return Counters{} }

func (s *Session) endOnEngine(string) {}

func (s *Session) startOnEngine(_, _ net.Conn, _ []byte, _ int, _ *Options, _ Owner) bool {
	return false
}

// EndAll ends nothing: only Linux has an engine.
func EndAll(string) {}

// undeliveredBytes knows nothing: these systems do not report what the other end has acknowledged.
func undeliveredBytes(uintptr) (n int64, known bool) { return 0, false }

// Tighten changes nothing: only Linux has the engine.
func Tighten(bool) {}

// Sessions returns nothing: only Linux has an engine.
func Sessions() iter.Seq[*Session] { return func(func(*Session) bool) {} }

// Look finds nothing: only Linux has an engine.
func (s *Session) Look(func(Owner, Progress, Counters)) bool { return false }

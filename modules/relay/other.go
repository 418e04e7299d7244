// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package relay

import (
	"net"
	"net/netip"
)

// Dial connects to a server. It leaves the first bytes to Start. It is safe for concurrent use.
func Dial(to netip.AddrPort, o DialOptions, _ []byte) (net.Conn, error) {
	d := net.Dialer{Timeout: o.Timeout, KeepAlive: -1, Cancel: o.Cancel} //nolint:staticcheck // a context would cost each connection
	if o.KeepAlive {
		d.KeepAlive = 0
	}
	return d.Dial("tcp", to.String())
}

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

func (s *Session) startOnEngine(_, _ net.Conn, _ []byte, _ *Options, _ Owner) bool { return false }

// EndAll ends nothing: only Linux has an engine.
func EndAll(string) {}

// undeliveredBytes knows nothing: these systems do not report what the other end has acknowledged.
func undeliveredBytes(uintptr) (n int64, known bool) { return 0, false }

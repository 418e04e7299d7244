// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"net/netip"
	"os"
	"time"
)

// trialConn is the client's connection of a trial: it has what the client sends, and then nothing
// comes until a deadline is over.
type trialConn struct {
	rest []byte
	Probe
}

// Read returns what the client sends, then os.ErrDeadlineExceeded.
func (c *trialConn) Read(b []byte) (int, error) {
	n := copy(b, c.rest)
	if c.rest = c.rest[n:]; n == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return n, nil
}

// Write drops what it gets.
func (*trialConn) Write(b []byte) (int, error) { return len(b), nil }

// Close returns nil.
func (*trialConn) Close() error { return nil }

// RemoteAddr returns the address of the client.
func (c *trialConn) RemoteAddr() net.Addr { return addrOf(c.Source) }

// LocalAddr returns the address that the client connects to.
func (c *trialConn) LocalAddr() net.Addr { return addrOf(c.Destination) }

// Dual reports whether the listener accepts both versions of IP.
func (c *trialConn) Dual() bool { return c.DualStack }

// SetDeadline returns nil.
func (*trialConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline returns nil.
func (*trialConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline returns nil.
func (*trialConn) SetWriteDeadline(time.Time) error { return nil }

// addrOf returns an address of a connection. One that is not valid is that of a Unix socket.
func addrOf(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return &net.UnixAddr{Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(a)
}

// Interface guards
var (
	_ net.Conn  = (*trialConn)(nil)
	_ dualStack = (*trialConn)(nil)
)

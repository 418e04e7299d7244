// SPDX-License-Identifier: Apache-2.0

package control

import (
	"crypto/tls"
	"net"
	"time"
)

// makeHello returns the ClientHello of a current client for a server name: TLS 1.3, HTTP/2, and a
// post-quantum key share. Without a name, or for an IP address, it has none.
func makeHello(name string) ([]byte, error) {
	c := new(firstWrite)
	err := tls.Client(c, &tls.Config{
		ServerName: name, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // nothing answers: only the first message is made
	}).Handshake()
	if len(c.sent) == 0 {
		return nil, invalid("name %q: %w", name, err)
	}
	return c.sent, nil
}

// firstWrite is a connection that keeps the first bytes written, and cannot be read.
type firstWrite struct {
	sent []byte
}

// Write keeps the first bytes.
func (c *firstWrite) Write(b []byte) (int, error) {
	if c.sent == nil {
		c.sent = append(c.sent, b...)
	}
	return len(b), nil
}

// Read returns an error.
func (*firstWrite) Read([]byte) (int, error) { return 0, net.ErrClosed }

// Close returns nil.
func (*firstWrite) Close() error { return nil }

// LocalAddr returns an address that is not used.
func (*firstWrite) LocalAddr() net.Addr { return new(net.TCPAddr) }

// RemoteAddr returns an address that is not used.
func (*firstWrite) RemoteAddr() net.Addr { return new(net.TCPAddr) }

// SetDeadline returns nil.
func (*firstWrite) SetDeadline(time.Time) error { return nil }

// SetReadDeadline returns nil.
func (*firstWrite) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline returns nil.
func (*firstWrite) SetWriteDeadline(time.Time) error { return nil }

// Interface guard
var _ net.Conn = (*firstWrite)(nil)

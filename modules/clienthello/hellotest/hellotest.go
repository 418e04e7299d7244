// SPDX-License-Identifier: Apache-2.0

// Package hellotest gives tests ClientHellos: those of a real client, crypto/tls,
// as it sends them, by [Capture] and [Hello]; those that are written field by field,
// rightly or not, by [ClientHello]; and a table of first messages that are no
// ClientHello that can be read, by [Refused]. It is to clienthello what httptest is
// to net/http, and imports nothing of this module.
package hellotest

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// Conn is a connection that keeps what is written to it and has nothing to
// read. Its addresses are made up.
type Conn struct {
	Sent []byte
}

// Hello returns the ClientHello for a server name ("" for none) and ALPN
// protocols.
func Hello(t testing.TB, name string, protocols ...string) []byte {
	t.Helper()
	if name == "" {
		name = "192.0.2.1" // an address is verified but never sent (RFC 6066, section 3)
	}
	return Capture(t, &tls.Config{ServerName: name, NextProtos: protocols})
}

// Capture returns the ClientHello of a client with a configuration, in one TLS
// record.
func Capture(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	var c Conn
	if err := tls.Client(&c, config).HandshakeContext(t.Context()); len(c.Sent) == 0 {
		t.Fatalf("no ClientHello: %v", err)
	}
	// What follows the hello is the client's complaint that there is no answer.
	return c.Sent[:5+int(c.Sent[3])<<8+int(c.Sent[4])]
}

// Write keeps b.
func (c *Conn) Write(b []byte) (int, error) {
	c.Sent = append(c.Sent, b...)
	return len(b), nil
}

// Read is at the end at once.
func (c *Conn) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing, like the deadlines.
func (c *Conn) Close() error { return nil }

// LocalAddr is 127.0.0.1:443.
func (c *Conn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

// RemoteAddr is 127.0.0.1:50123.
func (c *Conn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50123} }

// SetDeadline does nothing.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

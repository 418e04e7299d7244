// SPDX-License-Identifier: Apache-2.0

// Package hellotest provides ClientHellos for tests: [Capture] and [Hello] return those of a real
// client, crypto/tls; [ClientHello] encodes any fields, valid or not; and [Refused] returns a table
// of first messages that must be rejected. It is to clienthello what httptest is to net/http, and
// imports no other package of this module.
package hellotest

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// Conn is a connection that records writes and has nothing to read. Its addresses are constant.
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

// Capture returns the ClientHello of a client with the given configuration, in one TLS record.
func Capture(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	var c Conn
	if err := tls.Client(&c, config).HandshakeContext(t.Context()); len(c.Sent) == 0 {
		t.Fatalf("no ClientHello: %v", err)
	}
	// The client sends an alert after the hello, since it gets no answer.
	return c.Sent[:5+int(c.Sent[3])<<8+int(c.Sent[4])]
}

// Write appends b to Sent.
func (c *Conn) Write(b []byte) (int, error) {
	c.Sent = append(c.Sent, b...)
	return len(b), nil
}

// Read returns io.EOF.
func (c *Conn) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements net.Conn and has no effect.
func (c *Conn) Close() error { return nil }

// LocalAddr returns 127.0.0.1:443.
func (c *Conn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

// RemoteAddr returns 127.0.0.1:50123.
func (c *Conn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50123} }

// SetDeadline implements net.Conn and has no effect.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn and has no effect.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn and has no effect.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

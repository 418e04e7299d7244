// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// readHeader waits for the PROXY header of a connection that is to send one.
func (c *connection) readHeader() *ending {
	if !c.header.awaits() {
		return nil
	}
	if err := c.SetReadDeadline(c.f.headerDeadline(c.accepted)); err != nil {
		return c.leftBeforeHeader(err)
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	for c.header.awaits() {
		room := c.readBuffer()
		n, err := c.Read(room)
		switch {
		case n > 0: // an error comes again
			if end := c.takeHeader(room[:n]); end != nil {
				return end
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			if end := c.headerExpired(); end != nil {
				return end
			}
		default:
			return c.leftBeforeHeader(err)
		}
	}
	return nil
}

// takeHeader takes bytes that the client has sent, at the beginning of the buffer that they were
// read into. Those after the header are the client's data.
func (c *connection) takeHeader(b []byte) *ending {
	h, used, err := c.header.reader.Read(b)
	switch {
	case errors.Is(err, proxyprotocol.ErrNoHeader):
		if c.header.mode == headerOptional {
			c.withoutHeader(b[used:])
			return nil
		}
		c.captureBytes(err, used, append(c.header.reader.Buffered(), b[used:]...))
		return c.endBeforeData(tcplog.HeaderMissing, fmt.Errorf("%w, which accept_proxy requires of %s", err, l4acl.Addresses(c.Conn).Source.Addr()))
	case err != nil:
		c.captureBytes(err, 0, append(c.header.reader.Buffered(), b...))
		return c.endBeforeData(tcplog.HeaderInvalid, err)
	case h == nil:
		return nil
	}
	c.header.mode, c.header.header, c.header.reader = headerDone, h, proxyprotocol.Reader{}
	c.applyHeader()
	c.commitRead(copy(b, b[used:]))
	return nil
}

// withoutHeader goes on without a header. Bytes that could have been the beginning of one are the
// client's data, and so is the rest.
func (c *connection) withoutHeader(rest []byte) {
	taken := c.header.reader.Buffered()
	c.header.mode, c.header.reader = headerDone, proxyprotocol.Reader{}
	if len(taken) == 0 {
		c.commitRead(len(rest)) // they are where they were read
		return
	}
	c.hello.Feed(bytes.Join([][]byte{taken, rest}, nil))
	c.input.lastReceived = time.Now()
}

// headerExpired ends a connection whose header has not come in time, unless it may do without.
func (c *connection) headerExpired() *ending {
	if c.header.mode == headerOptional {
		c.withoutHeader(nil)
		return nil
	}
	return c.endBeforeData(tcplog.HeaderTimeout, nil)
}

// leftBeforeHeader returns the ending of a client that has left before its header was complete.
func (c *connection) leftBeforeHeader(err error) *ending {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return c.endBeforeData(tcplog.ClientLeft, err)
}

// endBeforeData returns the ending of a connection that ends before any of the client's data were
// looked at.
func (c *connection) endBeforeData(end tcplog.End, err error) *ending {
	c.record.Uninspected = true
	c.noteListener()
	return &ending{end: end, by: relay.Client, err: err}
}

// refuseHeader returns the ending of a connection whose bytes begin with a header although its
// source may not send one; nil for any other.
func (c *connection) refuseHeader() *ending {
	if c.header == nil || c.header.mode != headerNotAllowed || !proxyprotocol.Begins(c.hello.Bytes()) {
		return nil
	}
	return &ending{end: tcplog.HeaderNotAllowed, by: relay.Proxy, err: fmt.Errorf("a PROXY header from %s, which accept_proxy does not name", l4acl.Addresses(c.Conn).Source.Addr())}
}

// mayBeRefused reports whether the bytes that have been read are too few to tell whether
// refuseHeader refuses them.
func (c *connection) mayBeRefused() bool {
	if c.header == nil || c.header.mode != headerNotAllowed {
		return false
	}
	b := c.hello.Bytes()
	return len(b) > 0 && proxyprotocol.MayBegin(b) && !proxyprotocol.Begins(b)
}

// applyHeader makes the addresses of a header that has been read those of the client.
func (c *connection) applyHeader() {
	h := c.header.header
	c.hasAddresses, c.matchersConn = false, nil
	c.noteHeader()
	if c.routed == nil {
		return
	}
	if h.HasAddresses() {
		c.routed.Conn = c.addressed(c.routed.Conn)
		c.routed.Replacer().Set(remoteAddrPlaceholder, c.routed.RemoteAddr())
		c.routed.Replacer().Set(localAddrPlaceholder, c.routed.LocalAddr())
	}
	c.shareHeader()
}

// noteHeader records a header that has been read.
func (c *connection) noteHeader() {
	if c.header == nil || c.header.header == nil {
		return
	}
	h := c.header.header
	if h.HasAddresses() {
		c.record.Peer = c.record.Client
		c.record.Client = tcplog.AddrOfIP(h.Source)
		c.record.Local = tcplog.AddrOfIP(h.Destination)
	}
	for of, value := range h.TLVs() {
		switch of {
		case proxyprotocol.Authority:
			c.record.Authority = string(value)
		case proxyprotocol.UniqueID:
			c.record.UniqueID = string(value)
		}
	}
}

// proxyHeader returns the header that the connection began with, or nil.
func (c *client) proxyHeader() *proxyprotocol.Header {
	if c.header == nil {
		return nil
	}
	return c.header.header
}

// addressed returns conn, which is the client's or wraps it, with the addresses of the PROXY
// header.
func (c *client) addressed(conn net.Conn) net.Conn {
	h := c.proxyHeader()
	if h == nil || !h.HasAddresses() {
		return conn
	}
	return &addressedConn{Conn: conn, source: net.TCPAddrFromAddrPort(unmapped(h.Source)), destination: net.TCPAddrFromAddrPort(unmapped(h.Destination))}
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// addressedConn is a connection with other addresses than its socket's.
type addressedConn struct {
	net.Conn
	source, destination net.Addr
}

func (c *addressedConn) RemoteAddr() net.Addr { return c.source }
func (c *addressedConn) LocalAddr() net.Addr  { return c.destination }

// CloseWrite closes the sending side.
func (c *addressedConn) CloseWrite() error { return closeWrite(c.Conn) }

// SyscallConn returns the raw connection.
func (c *addressedConn) SyscallConn() (syscall.RawConn, error) { return rawConn(c.Conn) }

// closeWrite closes the sending side of a connection, if it can.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// rawConn returns the raw connection of one, if it has that.
func rawConn(conn net.Conn) (syscall.RawConn, error) {
	if raw, ok := conn.(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

var errNoNext = errors.New("nothing takes the connections that are passed on")

// passingOn returns the ending of a connection that leaves the frontend.
func passingOn() *ending { return &ending{end: tcplog.PassedOn, by: relay.Proxy, verb: Next} }

// nextConn returns the connection to pass on if its ending demands that, else nil. It takes over
// the inspection, which has the bytes.
func (c *connection) nextConn(e *ending) net.Conn {
	if e.verb != Next {
		return nil
	}
	c.show(nil)
	c.keepHello(0)
	n := &nextConn{Conn: c.addressed(c.Conn), hello: c.hello, ahead: c.hello.Bytes()}
	c.hello = nil
	return n
}

// passOn passes the connection on and returns its ending. It does not block. Where nothing takes
// the connection, it is closed.
func (c *connection) passOn(next net.Conn) *ending {
	if c.passTo != nil && c.passTo(next) {
		c.passedOn = true
		return &ending{end: tcplog.PassedOn, by: relay.Proxy, clientClosed: true}
	}
	_ = c.Conn.Close()
	return &ending{end: tcplog.NoServer, by: relay.Proxy, err: errNoNext, clientClosed: true}
}

// closeUnlessPassedOn closes the client's connection, unless it belongs to another by now. A
// session's descriptor is no longer c.Conn's.
func (c *connection) closeUnlessPassedOn() {
	if !c.passedOn {
		_ = c.Conn.Close()
	}
}

// nextConn is a connection that a frontend has passed on. Only its first reads differ from those of
// the connection that it wraps. Like others, it must not be read by two goroutines at once.
type nextConn struct {
	net.Conn
	hello *clienthello.Inspection // holds ahead; the Read that empties it releases it
	ahead []byte                  // read by the frontend
}

// IsPassedOn reports whether a frontend has passed the connection on.
func IsPassedOn(conn net.Conn) bool {
	_, ok := conn.(*nextConn)
	return ok
}

// Read returns what the frontend has read, then what the client sends.
func (c *nextConn) Read(b []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.ahead)
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
		c.hello.Release()
		c.hello, c.ahead = nil, nil
	}
	return n, nil
}

// ReadFrom sends what r has, by sendfile or splice where the connection can.
func (c *nextConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite closes the sending side.
func (c *nextConn) CloseWrite() error { return closeWrite(c.Conn) }

// SyscallConn returns the raw connection. Bytes that Read has not returned yet are not in it.
func (c *nextConn) SyscallConn() (syscall.RawConn, error) { return rawConn(c.Conn) }

// Interface guards
var (
	_ net.Conn      = (*nextConn)(nil)
	_ io.ReaderFrom = (*nextConn)(nil)
	_ syscall.Conn  = (*nextConn)(nil)
)

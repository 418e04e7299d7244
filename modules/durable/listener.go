// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"net"
	"sync"
)

// listener is one user's view of a socket. It is safe for concurrent use.
type listener struct {
	sock   *socket
	closed chan struct{}
	once   sync.Once
	stop   func() bool // stops waiting for the end of the context
}

// Interface guard
var _ net.Listener = (*listener)(nil)

// newListener makes the listener of a user that is attached to s. It closes with
// ctx because Caddy does not stop an app whose Start has failed, it only cancels
// its context.
func newListener(ctx context.Context, s *socket) *listener {
	l := &listener{sock: s, closed: make(chan struct{})}
	l.stop = context.AfterFunc(ctx, func() { l.leave() })
	return l
}

// Accept waits for a connection, a *net.TCPConn or, on Linux, a *relay.Socket. It fails once this listener is
// closed, with net.ErrClosed, or once the kernel socket is lost; none of its errors
// is a timeout or passes with time.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, l.closedError("accept")
	default:
	}
	select {
	case conn := <-l.sock.conns:
		return conn, nil
	case <-l.closed:
		return nil, l.closedError("accept")
	case <-l.sock.done:
		return nil, l.sock.err
	}
}

// Close ends this listener's Accept calls and leaves other users of the address
// alone. The last user's Close closes the kernel socket. A second Close returns
// net.ErrClosed.
func (l *listener) Close() error {
	l.stop()
	if !l.leave() {
		return l.closedError("close")
	}
	return nil
}

// leave detaches the listener and reports whether it had been attached.
func (l *listener) leave() (left bool) {
	l.once.Do(func() {
		close(l.closed)
		l.sock.detach()
		left = true
	})
	return left
}

// Addr returns the address of the kernel socket.
func (l *listener) Addr() net.Addr { return l.sock.ln.Addr() }

// closedError is what package net returns for op on a closed listener.
func (l *listener) closedError(op string) error {
	addr := l.Addr()
	return &net.OpError{Op: op, Net: addr.Network(), Addr: addr, Err: net.ErrClosed}
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"net"
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// listener is one user's view of a socket. It is safe for concurrent use.
type listener struct {
	sock    *socket
	config  lifecycle.Config // if hasConfig
	options socketOptions
	turn    chan struct{} // closed when connections are for this user
	closed  chan struct{}
	ctx     context.Context
	stop    func() bool // stops waiting for the end of the context

	once   sync.Once
	finish func() // closes closed

	hasConfig bool // false for users outside Caddy

	// Of socketsMu:
	has  bool // turn is closed
	last bool // it closed last: what is left is for it
}

// Interface guard
var _ net.Listener = (*listener)(nil)

// newListener makes the listener of a user of s. It closes with ctx because Caddy
// does not stop an app whose Start has failed, it only cancels its context.
func newListener(ctx context.Context, s *socket, o socketOptions) *listener {
	l := &listener{sock: s, options: o, turn: make(chan struct{}), closed: make(chan struct{}), ctx: ctx}
	l.finish = sync.OnceFunc(func() { close(l.closed) })
	l.config, l.hasConfig = lifecycle.Of(ctx)
	return l
}

// Accept waits for a connection: a *net.TCPConn or *net.UnixConn or, on Linux and of
// TCP, a *relay.Socket. It fails once this listener is closed, with net.ErrClosed,
// or once the kernel socket is lost; none of its errors is a timeout or passes with
// time. Where this listener closed last, it first returns those who were in.
func (l *listener) Accept() (net.Conn, error) {
	if l.isClosed() || !l.awaitTurn() {
		return l.rest()
	}
	select {
	case conn := <-l.sock.conns:
		l.sock.handed()
		return conn, nil
	case <-l.closed:
	case <-l.sock.done:
	}
	return l.rest()
}

// hasTurn reports whether connections are for this user.
func (l *listener) hasTurn() bool {
	select {
	case <-l.turn:
		return true
	default:
		return false
	}
}

// awaitTurn waits until connections are for this user. False means that they will not
// be.
func (l *listener) awaitTurn() bool {
	if l.hasTurn() { // as nearly always: that costs next to nothing
		return true
	}
	select {
	case <-l.turn:
		return true
	case <-l.closed:
	case <-l.sock.done:
	}
	return false
}

// rest is a connection that was in when the kernel socket closed, if there is one
// for this listener.
func (l *listener) rest() (net.Conn, error) {
	select {
	case <-l.sock.done:
		if conn := l.sock.takeRest(l); conn != nil {
			return conn, nil
		}
		if err := l.sock.err; err != nil && !l.isClosed() {
			return nil, err
		}
	default:
	}
	return nil, l.closedError("accept")
}

func (l *listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Close ends this listener's Accept calls and leaves other users of the address
// alone. The last user's Close closes the kernel socket, but at the end of the
// process, when all close soon by themselves. A second Close returns net.ErrClosed.
func (l *listener) Close() error {
	lifecycle.Begin()
	l.stop()
	if !l.leave() {
		return l.closedError("close")
	}
	return nil
}

// leave detaches the listener and reports whether it had been attached.
func (l *listener) leave() (left bool) {
	l.once.Do(func() {
		left = true
		if l.sock.detach(l) {
			l.finish()
			return
		}
		go func() { // its Accept still has somebody to serve
			<-l.sock.done
			l.finish()
		}()
	})
	return left
}

// Addr returns the address of the kernel socket.
func (l *listener) Addr() net.Addr { return l.sock.kernel.Addr() }

// closedError is what package net returns for op on a closed listener.
func (l *listener) closedError(op string) error {
	addr := l.Addr()
	return &net.OpError{Op: op, Net: addr.Network(), Addr: addr, Err: net.ErrClosed}
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"net"
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// listener is one user's view of a socket. It is safe for concurrent use.
type listener struct {
	sock           *socket
	config         lifecycle.Config // if hasConfig
	options        socketOptions
	wake           chan struct{} // one word: Accept is to look again; that of a pair, for both
	closed         chan struct{}
	ctx            context.Context
	unwatchContext func() bool // stops waiting for the end of the context

	detachOnce sync.Once
	markClosed func() // closes closed

	hasConfig bool // false for users outside Caddy

	// Of socketsMu:
	closedLast bool // it closed last: what is left is for it

	// Of the socket's queue:
	active     bool // connections are for this user; written with socketsMu, too
	taker      func(*relay.Socket)
	takerCalls int  // calls of take
	dual       bool // it is one of a pair
}

// Interface guard
var _ net.Listener = (*listener)(nil)

// newListener makes the listener of a user of s. It closes with ctx because Caddy
// does not stop an app whose Start has failed, it only cancels its context.
func newListener(ctx context.Context, s *socket, o socketOptions) *listener {
	l := &listener{sock: s, options: o, wake: o.wake, closed: make(chan struct{}), ctx: ctx}
	if l.wake == nil {
		l.wake = make(chan struct{}, 1)
	}
	l.markClosed = sync.OnceFunc(func() {
		s.removeListener(l)
		close(l.closed)
		l.signal()
	})
	l.config, l.hasConfig = lifecycle.ConfigOf(ctx)
	return l
}

// Accept waits for a connection: a *net.TCPConn or *net.UnixConn or, on Linux and of
// TCP, a *relay.Socket. It fails once this listener is closed, with net.ErrClosed,
// or once the kernel socket is lost; none of its errors is a timeout or passes with
// time. Where this listener closed last, it first returns those who were in. With
// TakeBy it returns only what cannot be taken.
func (l *listener) Accept() (net.Conn, error) {
	for {
		if conn, err := l.poll(); conn != nil || err != nil {
			return conn, err
		}
		<-l.wake
	}
}

// poll is a connection for this listener, or the error of Accept. Where both are nil,
// there may be one after a word of wake.
func (l *listener) poll() (net.Conn, error) {
	if conn := l.sock.dequeue(l); conn != nil {
		l.sock.noteTaken()
		return conn, nil
	}
	if !l.isClosed() && !l.sock.isDone() {
		return nil, nil
	}
	l.signal() // for another Accept
	l.sock.awaitTaker(l)
	return l.leftover()
}

// signal has an Accept look again.
func (l *listener) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// leftover is a connection that was in when the kernel socket closed, if there is one
// for this listener.
func (l *listener) leftover() (net.Conn, error) {
	select {
	case <-l.sock.done:
		if conn := l.sock.takeLeftover(l); conn != nil {
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
	lifecycle.BeginShutdown()
	l.unwatchContext()
	if !l.detach() {
		return l.closedError("close")
	}
	return nil
}

// detach detaches the listener and reports whether it had been attached.
func (l *listener) detach() (left bool) {
	l.detachOnce.Do(func() {
		left = true
		if l.sock.removeUser(l) {
			l.markClosed()
			return
		}
		go func() { // its Accept still has somebody to serve
			<-l.sock.done
			l.markClosed()
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

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// listener is one user's view of a socket. It is safe for concurrent use.
type listener struct {
	sock           *socket
	config         lifecycle.Config // valid if hasConfig
	options        socketOptions
	wake           chan struct{} // capacity 1: Accept is to poll again; shared in a pair
	closed         chan struct{}
	ctx            context.Context
	unwatchContext func() bool // stops waiting for the context to end

	detachOnce  sync.Once
	closeCalled atomic.Bool // the end of the context may have closed it before
	markClosed  func()      // closes closed

	hasConfig bool // false for users outside Caddy

	// Guarded by socketsMu:
	closedLast bool // it was the last user to close: leftover connections are for it

	// Guarded by the socket's queue.mu:
	active     bool // gets connections; written with socketsMu held as well
	taker      func(*relay.Socket)
	gate       Gate       // nil: always open
	takerCalls int        // calls of taker in progress
	dual       bool       // one of a pair
	paired     bool       // a front or the listener behind it; guarded by socketsMu
	behind     bool       // takes only what a front passes on; written with socketsMu held as well
	passed     []passedOn // of Passer, kept for a closed listener
}

// Interface guard
var _ net.Listener = (*listener)(nil)

// newListener returns the listener of a user of s. It closes with ctx because Caddy does not stop
// an app whose Start has failed; it only cancels the app's context.
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

// Accept waits for a connection: a *net.TCPConn or *net.UnixConn or, for TCP on Linux, a
// *relay.Socket. It fails with net.ErrClosed once this listener is closed, and with the socket's
// error once the kernel socket is lost; none of its errors is a timeout or temporary. If this
// listener closed last, Accept first returns the connections that were accepted and not yet taken.
// With TakeBy, it returns only connections that cannot be given to a taker.
func (l *listener) Accept() (net.Conn, error) {
	for {
		if conn, err := l.poll(); conn != nil || err != nil {
			return conn, err
		}
		<-l.wake
	}
}

// poll returns a connection for this listener, or the error of Accept. If both are nil, a value on
// wake says when to poll again.
func (l *listener) poll() (net.Conn, error) {
	over := l.isClosed() || l.sock.isDone() && !l.isBehind() // then nothing new is queued
	if conn := l.sock.dequeue(l); conn != nil {
		l.sock.noteTaken()
		return conn, nil
	}
	if !over {
		return nil, nil
	}
	l.signal() // for other calls of Accept
	l.sock.awaitTaker(l)
	return l.leftover()
}

// signal wakes a waiting Accept.
func (l *listener) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// leftover returns a connection that was accepted and not taken when the kernel socket closed, if
// this listener may have one, or the error of Accept.
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

// isBehind reports whether the listener gets only connections that are passed on, which may come
// when the kernel socket is closed.
func (l *listener) isBehind() bool {
	l.sock.mu.Lock()
	defer l.sock.mu.Unlock()
	return l.behind
}

// Close ends this listener's Accept calls; other users of the address are not affected. The last
// user's Close closes the kernel socket, except during shutdown, when all sockets close by
// themselves within handshakeTime. A second Close returns net.ErrClosed.
func (l *listener) Close() error {
	lifecycle.BeginShutdown()
	l.unwatchContext()
	l.detach()
	if !l.closeCalled.CompareAndSwap(false, true) {
		return l.closedError("close")
	}
	return nil
}

// detach removes the listener from its socket.
func (l *listener) detach() {
	l.detachOnce.Do(func() {
		if l.sock.removeUser(l) {
			l.markClosed()
			return
		}
		go func() { // its Accept still has connections to return
			<-l.sock.done
			l.markClosed()
		}()
	})
}

// Addr returns the address of the kernel socket.
func (l *listener) Addr() net.Addr { return l.sock.kernel.Addr() }

// closedError returns the error that package net returns for op on a closed listener.
func (l *listener) closedError(op string) error {
	addr := l.Addr()
	return &net.OpError{Op: op, Net: addr.Network(), Addr: addr, Err: net.ErrClosed}
}

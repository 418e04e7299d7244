// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"net"
	"runtime/debug"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// TakeBy gives the connections of a listener of this package to take from now on, in
// place of Accept. It reports whether ln is such a listener. On Linux connections over
// TCP then come from accept4 to take without another goroutine between; all others are
// still returned by Accept, so that is to be called, too, as ever.
//
// take is called on the goroutine of the shard of package relay that is to watch the
// connection, by several shards at the same time. All sessions of the shard wait for
// it: it must not block, and must close no listener. The connection is take's, which
// closes it. Where take panics, the connection is closed and the log says so.
//
// Whose turn it is decides, as for Accept: take gets nothing before that of the
// listener, nothing after it but what Close meets on the way to take, and those that
// had come when the last listener of an address was closed. Once Accept has returned the
// end, take is not called any more.
func TakeBy(ln net.Listener, take func(*relay.Socket)) bool {
	l, ok := ln.(interface{ takeBy(func(*relay.Socket)) })
	if ok {
		l.takeBy(take)
	}
	return ok
}

// TakeFor does at once what TakeBy does for each listener that app opens at an address from
// now until ctx ends. The app opens them with the context that it was provisioned with. Another
// call for the same address replaces take.
func TakeFor(ctx context.Context, app caddy.Module, at caddy.NetworkAddress, take func(*relay.Socket)) {
	by := takeForKey{app, at.String()}
	takers.Store(by, take)
	context.AfterFunc(ctx, func() { takers.Delete(by) })
}

// takers are those of TakeFor: opener → func(*relay.Socket).
var takers sync.Map

// takeForKey is an app that opens listeners at an address, as Caddy writes it.
type takeForKey struct {
	app     caddy.Module
	address string
}

// applyTakeFor gives connections to the taker of TakeFor, if there is one.
func applyTakeFor(ctx context.Context, ln net.Listener, address string) {
	if c, ok := ctx.(caddy.Context); ok {
		if take, ok := takers.Load(takeForKey{c.Module(), address}); ok {
			TakeBy(ln, take.(func(*relay.Socket)))
		}
	}
}

func (l *listener) takeBy(take func(*relay.Socket)) {
	l.sock.mu.Lock()
	l.taker = take
	l.sock.mu.Unlock()
	l.sock.activeChanged()
}

func (p *pair) takeBy(take func(*relay.Socket)) {
	for _, l := range p.of {
		l.takeBy(take)
	}
}

// activeChanged has a socket do as another listener, or its taker, wants it.
func (s *socket) activeChanged() {
	s.redeliver()
	s.notify()
	if _, ok := s.kernel.(watchable); ok {
		s.kernel.interrupt()
	}
}

// callTaker gives a connection to a taker.
func (s *socket) callTaker(sock *relay.Socket, take func(*relay.Socket), dual bool) {
	defer s.noteTaken()
	defer func() {
		if v := recover(); v != nil {
			_ = sock.Close()
			logger().Error("connection closed: panic while it was taken", zap.Stringer("address", s.key),
				zap.Stringer("client", sock.RemoteAddr()), zap.Any("panic", v), zap.ByteString("stack", debug.Stack()))
		}
	}()
	if dual {
		sock.SetDual()
	}
	take(sock)
}

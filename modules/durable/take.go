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

// TakeBy passes the connections of a listener of this package to take from now on, instead of
// Accept. It reports whether ln is such a listener. On Linux, TCP connections then go from accept4
// to take without another goroutine in between; Accept still returns all others, so it must be
// called, too.
//
// take is called on the goroutine of the relay shard that will watch the connection, by several
// shards concurrently. All sessions of the shard wait for it: it must not block, and must not close
// a listener. take owns the connection and closes it. If take panics, the connection is closed and
// the panic is logged.
//
// As with Accept, only an active listener gets connections: take gets nothing before the listener
// is active. After Close it gets only connections that were already on their way to take, and those
// that were queued when the last listener of the address closed. Once Accept has returned an error,
// take is not called again.
func TakeBy(ln net.Listener, take func(*relay.Socket)) bool {
	l, ok := ln.(interface{ takeBy(func(*relay.Socket)) })
	if ok {
		l.takeBy(take)
	}
	return ok
}

// TakeFor calls TakeBy for each listener that app opens at an address from now until ctx ends. The
// app opens them with the context that it was provisioned with. Another call for the same address
// replaces take.
func TakeFor(ctx context.Context, app caddy.Module, at caddy.NetworkAddress, take func(*relay.Socket)) {
	by := takeForKey{app, at.String()}
	takers.Store(by, take)
	context.AfterFunc(ctx, func() { takers.Delete(by) })
}

// takers holds the takers of TakeFor: takeForKey → func(*relay.Socket).
var takers sync.Map

// takeForKey is an app and the address that it opens listeners at, as Caddy writes it.
type takeForKey struct {
	app     caddy.Module
	address string
}

// applyTakeFor calls TakeBy with the taker of TakeFor, if there is one.
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

// activeChanged redelivers queued connections, and wakes the accept goroutine: another listener is
// active, or has a taker or a gate.
func (s *socket) activeChanged() {
	s.redeliver()
	s.mu.Lock()
	s.signalPassedOn()
	s.mu.Unlock()
	s.Wake()
	if _, ok := s.kernel.(watchable); ok {
		s.kernel.interrupt()
	}
}

// callTaker calls take with a connection and recovers its panics.
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

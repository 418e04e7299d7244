// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
)

// Waker is notified by a Gate that may have opened.
type Waker interface{ Wake() }

// Gate returns how long a listener leaves connections in the kernel's queue, at most; 0: it accepts
// them now. If the pause may be over before, it calls w.Wake then, once. It is called before each
// accept, with locks held, and must not block.
type Gate func(w Waker) (pause time.Duration)

// LimitBy makes a listener of this package accept connections only while its gate lets it. It
// reports whether ln is such a listener. If listeners share an address, connections go to those
// whose gates are open, and stay in the kernel's queue while none is.
func LimitBy(ln net.Listener, g Gate) bool {
	l, ok := ln.(interface{ limitBy(Gate) })
	if ok {
		l.limitBy(g)
	}
	return ok
}

// LimitFor calls LimitBy for each listener that app opens at an address from now until ctx ends, as
// TakeFor does. With several gates for an address, all must be open.
func LimitFor(ctx context.Context, app caddy.Module, at caddy.NetworkAddress, g Gate) {
	by := takeForKey{app, at.String()}
	gatesMu.Lock()
	defer gatesMu.Unlock()
	gates[by] = append(gates[by], g)
	context.AfterFunc(ctx, func() {
		gatesMu.Lock()
		defer gatesMu.Unlock()
		delete(gates, by)
	})
}

// gates holds the gates of LimitFor.
var (
	gatesMu sync.Mutex
	gates   = make(map[takeForKey][]Gate)
)

// applyLimitFor calls LimitBy with the gates of LimitFor, if there are any.
func applyLimitFor(ctx context.Context, ln net.Listener, address string) {
	c, ok := ctx.(caddy.Context)
	if !ok {
		return
	}
	gatesMu.Lock()
	all := slices.Clone(gates[takeForKey{c.Module(), address}])
	gatesMu.Unlock()
	if len(all) == 0 {
		return
	}
	LimitBy(ln, func(w Waker) (pause time.Duration) {
		for _, g := range all {
			pause = max(pause, g(w))
		}
		return pause
	})
}

func (l *listener) limitBy(g Gate) {
	l.sock.mu.Lock()
	l.gate = g
	l.sock.gated.Store(true)
	l.sock.mu.Unlock()
	l.sock.activeChanged() // an accept that waits has not asked the gate
}

func (p *pair) limitBy(g Gate) {
	for _, l := range p.of {
		l.limitBy(g)
	}
}

// overloadPoll is the pause between two checks whether the process is still overloaded.
const overloadPoll = 20 * time.Millisecond

// gatePause returns how long to leave connections in the kernel's queue because of overload, of the
// process's rates and of the gates; 0: not at all.
func (s *socket) gatePause() time.Duration {
	if limits.Overload.Closed() {
		return overloadPoll
	}
	if pause := limits.Process.Wait(); pause > 0 {
		return pause
	}
	if !s.gated.Load() {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shortest := time.Duration(0)
	for _, l := range s.listeners {
		if !l.active || l.behind {
			continue
		}
		pause := l.gatePause()
		if pause == 0 {
			return 0
		}
		if shortest == 0 || pause < shortest {
			shortest = pause
		}
	}
	return shortest
}

// gatePause returns what the listener's gate does. The caller holds the lock of its socket.
func (l *listener) gatePause() time.Duration {
	if l.gate == nil {
		return 0
	}
	return l.gate(l.sock)
}

// Wake implements Waker: a gate of the socket may be open.
func (s *socket) Wake() {
	s.notify()
	if wake := s.wakeShards.Load(); wake != nil {
		(*wake)()
	}
}

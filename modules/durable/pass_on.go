// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"slices"
	"time"

	"go.uber.org/zap"
)

// Passer returns a function that queues a connection for Accept, past the taker: for that of ln or,
// if ln is a front, for that of the other listener of its configuration (see Options.Front). Accept
// returns the same value. After a reload, the connection goes to a listener of the next
// configuration at the same address, unless it is a front. It may be any connection, such as one
// that replays bytes. Passer returns nil for a listener of another package.
//
// The function does not block, so that takers may call it. It returns false if no listener takes
// the connection; then it still belongs to the caller. It keeps neither the listener nor its
// configuration in memory.
func Passer(ln net.Listener) func(net.Conn) bool {
	if l, ok := ln.(interface{ passer() func(net.Conn) bool }); ok {
		return l.passer()
	}
	return nil
}

// passedOn is a connection in the queue of Passer.
type passedOn struct {
	net.Conn
	by <-chan struct{} // closed of the listener; nil: one of another socket
}

func (l *listener) passer() func(net.Conn) bool {
	s, by := l.sock, l.closed
	return func(conn net.Conn) bool {
		if s.passOn(passedOn{conn, by}) {
			return true
		}
		owner := s.otherOwner(conn)
		return owner != nil && owner.passOn(passedOn{Conn: conn})
	}
}

// passer returns a function that passes connections to the listeners of either address: another
// configuration may have only one of the two.
func (p *pair) passer() func(net.Conn) bool {
	four, six := p.of[0].passer(), p.of[1].passer()
	return func(conn net.Conn) bool { return four(conn) || six(conn) }
}

// passOn queues a connection for the listeners that take those that are passed on. It returns false
// if no listener takes them.
func (s *socket) passOn(conn passedOn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.listeners, func(l *listener) bool { return l.takesPassedOn() && (l.behind || !s.sealed) }) {
		return false
	}
	s.inFlight.Add(1)
	s.passed = append(s.passed, conn)
	s.signalPassedOn()
	return true
}

// takesPassedOn reports whether a listener takes connections that are passed on, once it is active.
func (l *listener) takesPassedOn() bool { return !l.options.Front }

// signalPassedOn wakes the Accept calls that may return a connection passed on. The caller holds
// mu.
func (s *socket) signalPassedOn() {
	if len(s.passed) == 0 {
		return
	}
	for _, l := range s.listeners {
		if l.active && l.takesPassedOn() {
			l.signal()
		}
	}
}

// dequeuePassedOn returns a connection passed on to an active listener, or nil. The caller holds
// mu.
func (s *socket) dequeuePassedOn(l *listener) net.Conn {
	if len(s.passed) == 0 || !l.takesPassedOn() {
		return nil
	}
	i := slices.IndexFunc(s.passed, func(c passedOn) bool { return c.by == l.closed || !s.isPassedOnTo(c.by) })
	if i < 0 {
		return nil
	}
	conn := s.passed[i].Conn
	if s.passed = slices.Delete(s.passed, i, i+1); len(s.passed) > 0 {
		l.signal()
	}
	return conn
}

// isPassedOnTo reports whether the connections that a listener passes on, whose closed is by, are
// for itself. The caller holds mu.
func (s *socket) isPassedOnTo(by <-chan struct{}) bool {
	return slices.ContainsFunc(s.listeners, func(l *listener) bool { return l.closed == by && l.active && l.takesPassedOn() })
}

// keepPassedOn keeps the queue of Passer for Accept of l, if l was the last listener that it was
// for. Those that Accept does not return within leftoverTimeout are closed. The caller holds mu.
func (s *socket) keepPassedOn(l *listener) {
	switch {
	case len(s.passed) == 0:
		return
	case slices.ContainsFunc(s.listeners, (*listener).takesPassedOn):
		s.signalPassedOn()
		return
	}
	l.passed, s.passed = s.passed, nil
	time.AfterFunc(leftoverTimeout, func() {
		s.mu.Lock()
		left := l.passed
		l.passed = nil
		s.mu.Unlock()
		for _, conn := range left {
			s.noteTaken()
			_ = conn.Close()
		}
		if len(left) > 0 {
			logger().Warn("dropped connections that were passed on: no listener accepted them within 5s", zap.Stringer("address", s.key), zap.Int("connections", len(left)))
		}
	})
}

// takeKept returns a connection of keepPassedOn, or nil. The caller holds mu.
func (l *listener) takeKept() (conn net.Conn) {
	if len(l.passed) > 0 {
		conn, l.passed = l.passed[0].Conn, l.passed[1:]
		l.signal()
	}
	return conn
}

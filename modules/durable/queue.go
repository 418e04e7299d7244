// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// maxQueued is the number of connections that are accepted ahead of the listeners. All others stay
// in the kernel's queue.
const maxQueued = 16

// queue holds the connections of a socket that are accepted and not yet taken, and the listeners
// that take them. mu is taken after socketsMu, and only held briefly.
type queue struct {
	mu           sync.Mutex
	listeners    []*listener // not closed; oldest first
	rotation     int         // counts dispatched connections, for the rotation
	conns        []net.Conn  // for Accept
	passed       []passedOn  // for Accept, of Passer
	head         int         // index of the oldest of conns
	inTransit    int         // connections being dispatched: neither in conns nor taken
	quiet        sync.Cond   // signals that inTransit, or takerCalls of a listener, is zero
	backpressure bool        // the accept goroutine waits until some are taken
	sealed       bool        // dispatch refuses connections
}

// dispatch passes a connection to the taker of an active listener, or to Accept. onShard says that
// the caller is on the goroutine of a shard, where takers are called; otherwise the connection goes
// to a shard first. It returns false if the queue is sealed.
func (s *socket) dispatch(conn net.Conn, onShard bool) bool {
	s.mu.Lock()
	if s.sealed {
		s.mu.Unlock()
		return false
	}
	l := s.nextListener()
	sock, _ := conn.(*relay.Socket)
	if l == nil || l.taker == nil || sock == nil {
		s.enqueue(conn)
		s.mu.Unlock()
		return true
	}
	if onShard {
		take, dual := l.taker, l.dual
		l.takerCalls++
		s.mu.Unlock()
		s.callTaker(sock, take, dual)
		s.mu.Lock()
		if l.takerCalls--; l.takerCalls == 0 {
			s.quiet.Broadcast()
		}
		s.mu.Unlock()
		return true
	}
	s.inTransit++
	s.mu.Unlock()
	if err := relay.OnShard(sock, s.dispatchOnShard); err != nil {
		logger().Warn("no shard can watch a connection: using Accept instead", zap.Stringer("address", s.key), zap.Error(err))
		s.mu.Lock()
		s.enqueue(conn)
		s.mu.Unlock()
		s.transitDone(1)
	}
	return true
}

// dispatchOnShard dispatches a connection that has reached its shard. The active listener may have
// changed meanwhile, so it is looked up again.
func (s *socket) dispatchOnShard(sock *relay.Socket) {
	s.dispatch(sock, true) // never false: drain seals the queue only when inTransit is zero
	s.transitDone(1)
}

// nextListener returns the listener for the next connection, or nil if no listener is active.
// Listeners that share an address get connections in rotation. A listener without a taker is
// skipped while a connection is queued for it. The caller holds mu.
func (s *socket) nextListener() (found *listener) {
	fits := func(l *listener) bool { return l.active && !l.behind && (l.taker != nil || s.head == len(s.conns)) }
	n := 0
	for _, l := range s.listeners {
		if fits(l) {
			n, found = n+1, l
		}
	}
	if s.rotation++; n < 2 {
		return found
	}
	if all := fits; s.gated.Load() {
		opened := func(l *listener) bool { return all(l) && l.gatePause() == 0 }
		if slices.ContainsFunc(s.listeners, opened) {
			fits, n = opened, 0
			for _, l := range s.listeners {
				if fits(l) {
					n++
				}
			}
		}
	}
	skip := s.rotation % n
	for _, l := range s.listeners {
		if !fits(l) {
			continue
		}
		if skip == 0 {
			return l
		}
		skip--
	}
	return found
}

// enqueue queues a connection for Accept. The caller holds mu.
func (s *socket) enqueue(conn net.Conn) {
	s.conns = append(s.conns, conn)
	for _, l := range s.listeners {
		if l.active {
			l.signal()
		}
	}
}

// dequeue returns a connection for a listener, or nil if the queue is empty or the listener is not
// active.
func (s *socket) dequeue(l *listener) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.active || !slices.Contains(s.listeners, l) {
		return l.takeKept()
	}
	if conn := s.dequeuePassedOn(l); conn != nil {
		return conn
	}
	if s.head == len(s.conns) || l.behind {
		return nil
	}
	if sock, ok := s.conns[s.head].(*relay.Socket); ok && l.dual {
		sock.SetDual()
	}
	conn := s.conns[s.head]
	s.conns[s.head] = nil
	if s.head++; s.head == len(s.conns) {
		s.head, s.conns = 0, s.conns[:0]
	} else {
		l.signal() // several goroutines may call Accept
	}
	if s.backpressure && len(s.conns)-s.head <= maxQueued/2 {
		s.backpressure = false
		s.notify()
	}
	return conn
}

// isFull reports whether the queue is full. If so, dequeue notifies the accept goroutine once half
// of it has been taken.
func (s *socket) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backpressure = len(s.conns)-s.head >= maxQueued
	return s.backpressure
}

// addListener adds a listener that is not active yet.
func (s *socket) addListener(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
}

// removeListener removes a listener, which gets no connections from now on.
func (s *socket) removeListener(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.listeners, l); i >= 0 {
		s.listeners = slices.Delete(s.listeners, i, i+1)
		s.keepPassedOn(l)
	}
}

// awaitTaker waits until all calls of the taker of a removed listener have returned.
func (s *socket) awaitTaker(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l.takerCalls > 0 {
		s.quiet.Wait()
	}
}

// signalAll wakes all waiting Accept calls.
func (s *socket) signalAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		l.signal()
	}
}

// hasActiveTaker reports whether an active listener has a taker.
func (s *socket) hasActiveTaker() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.listeners, func(l *listener) bool { return l.active && !l.behind && l.taker != nil })
}

// notify makes the accept goroutine check again what it waits for.
func (s *socket) notify() {
	select {
	case s.recheck <- struct{}{}:
	default:
	}
}

// redeliver dispatches the queued connections again, since another listener is active now or
// another socket has their address.
func (s *socket) redeliver() {
	s.mu.Lock()
	conns := slices.Clone(s.conns[s.head:])
	clear(s.conns)
	s.head, s.conns, s.backpressure = 0, s.conns[:0], false
	s.inTransit += len(conns)
	s.mu.Unlock()
	s.notify()
	for _, conn := range conns {
		s.deliver(conn, false)
	}
	s.transitDone(len(conns))
}

// transitDone records that n connections have left inTransit.
func (s *socket) transitDone(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inTransit -= n; s.inTransit == 0 {
		s.quiet.Broadcast()
	}
}

// drain seals the queue and returns its connections.
func (s *socket) drain() (conns []net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.inTransit > 0 {
		s.quiet.Wait()
	}
	conns, s.conns = s.conns[s.head:], nil
	s.head, s.sealed = 0, true
	return conns
}

// deliver passes on an accepted connection: to the socket that owns its address, which may be
// another one.
func (s *socket) deliver(conn net.Conn, onShard bool) {
	if owner := s.otherOwner(conn); owner != nil {
		s.transfer(owner, conn, onShard)
		return
	}
	s.dispatch(conn, onShard)
}

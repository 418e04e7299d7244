// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// maxQueued is how many connections are accepted before one of them is taken. The
// others stay in the kernel's queue.
const maxQueued = 16

// queue holds the connections of a socket that are accepted and not taken yet, and the
// listeners that take them. Its lock is taken after socketsMu, and never held for long.
type queue struct {
	mu           sync.Mutex
	listeners    []*listener // that are not closed; in the order in which they came
	rotation     int         // how many connections have been put in
	conns        []net.Conn  // for Accept
	head         int         // the index of the next of them
	inTransit    int         // connections that are neither there nor taken: see move
	quiet        sync.Cond   // moving, or taking of a listener, has become zero
	backpressure bool        // the accept goroutine waits until some are taken
	sealed       bool        // nothing is put in any more
}

// dispatch passes a connection on: to the taker of a listener that has its turn, or to
// those that call Accept. onShard says that this is the goroutine of a shard, where
// takers are called; else the connection goes there first. False means that the socket
// is over.
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
		logger().Warn("no shard can watch a connection: it takes the slow way", zap.Stringer("address", s.key), zap.Error(err))
		s.mu.Lock()
		s.enqueue(conn)
		s.mu.Unlock()
		s.transitDone(1)
	}
	return true
}

// dispatchOnShard passes on a connection that has come to a shard. It asks again whose turn it
// is.
func (s *socket) dispatchOnShard(sock *relay.Socket) {
	s.dispatch(sock, true) // never false: the socket is not over before nothing moves
	s.transitDone(1)
}

// nextListener is the listener for the next connection; nil where none has its turn. Listeners
// that share an address get one each in rotation. One without a taker is passed over
// while a connection waits for it. The caller holds the lock.
func (s *socket) nextListener() (found *listener) {
	fits := func(l *listener) bool { return l.active && (l.taker != nil || s.head == len(s.conns)) }
	n := 0
	for _, l := range s.listeners {
		if fits(l) {
			n, found = n+1, l
		}
	}
	if s.rotation++; n < 2 {
		return found
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

// enqueue keeps a connection for those that call Accept. The caller holds the lock.
func (s *socket) enqueue(conn net.Conn) {
	s.conns = append(s.conns, conn)
	for _, l := range s.listeners {
		if l.active {
			l.signal()
		}
	}
}

// dequeue takes a connection for a listener, if there is one and the listener has its
// turn.
func (s *socket) dequeue(l *listener) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head == len(s.conns) || !l.active || !slices.Contains(s.listeners, l) {
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
		l.signal() // several may call Accept
	}
	if s.backpressure && len(s.conns)-s.head <= maxQueued/2 {
		s.backpressure = false
		s.notify()
	}
	return conn
}

// isFull reports whether connections are to be taken before another one is accepted;
// then the accept goroutine is told to look again when they are.
func (s *socket) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backpressure = len(s.conns)-s.head >= maxQueued
	return s.backpressure
}

// addListener adds a listener, which has no turn yet.
func (s *socket) addListener(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
}

// removeListener takes away a listener, which gets nothing any more.
func (s *socket) removeListener(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.listeners, l); i >= 0 {
		s.listeners = slices.Delete(s.listeners, i, i+1)
	}
}

// awaitTaker waits until the taker of a listener that has quit has returned.
func (s *socket) awaitTaker(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l.takerCalls > 0 {
		s.quiet.Wait()
	}
}

// signalAll has every Accept look again.
func (s *socket) signalAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		l.signal()
	}
}

// hasActiveTaker reports whether a taker has its turn.
func (s *socket) hasActiveTaker() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.listeners, func(l *listener) bool { return l.active && l.taker != nil })
}

// notify has the goroutine of the socket look again at what it waits for.
func (s *socket) notify() {
	select {
	case s.recheck <- struct{}{}:
	default:
	}
}

// redeliver looks again at whom the connections in hand are for: another listener may
// have its turn, or another socket their address.
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

// transitDone notes that connections which had been moving are where they belong.
func (s *socket) transitDone(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inTransit -= n; s.inTransit == 0 {
		s.quiet.Broadcast()
	}
}

// drain returns the connections in hand, behind which none is put in any more.
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

// deliver passes on a connection that is accepted: to the socket that it belongs to,
// where that is another one.
func (s *socket) deliver(conn net.Conn, onShard bool) {
	if heir := s.otherOwner(conn); heir != nil {
		s.transfer(heir, conn, onShard)
		return
	}
	s.dispatch(conn, onShard)
}

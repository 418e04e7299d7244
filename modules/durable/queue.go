// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// mostInHand is how many connections are accepted before one of them is taken. The
// others stay in the kernel's queue.
const mostInHand = 16

// queue holds the connections of a socket that are accepted and not taken yet, and the
// listeners that take them. Its lock is taken after socketsMu, and never held for long.
type queue struct {
	mu        sync.Mutex
	listeners []*listener // that are not closed; in the order in which they came
	turns     int         // how many connections have been put in
	conns     []net.Conn  // for Accept
	first     int         // the index of the next of them
	moving    int         // connections that are neither there nor taken: see move
	settled   sync.Cond   // moving, or taking of a listener, has become zero
	full      bool        // the accept goroutine waits until some are taken
	over      bool        // nothing is put in any more
}

// put passes a connection on: to the taker of a listener that has its turn, or to
// those that call Accept. onShard says that this is the goroutine of a shard, where
// takers are called; else the connection goes there first. False means that the socket
// is over.
func (s *socket) put(conn net.Conn, onShard bool) bool {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return false
	}
	l := s.next()
	sock, _ := conn.(*relay.Socket)
	if l == nil || l.take == nil || sock == nil {
		s.add(conn)
		s.mu.Unlock()
		return true
	}
	if onShard {
		take, dual := l.take, l.dual
		l.taking++
		s.mu.Unlock()
		s.take(sock, take, dual)
		s.mu.Lock()
		if l.taking--; l.taking == 0 {
			s.settled.Broadcast()
		}
		s.mu.Unlock()
		return true
	}
	s.moving++
	s.mu.Unlock()
	if err := relay.OnShard(sock, s.arrive); err != nil {
		logger().Warn("no shard can watch a connection: it takes the slow way", zap.Stringer("address", s.key), zap.Error(err))
		s.mu.Lock()
		s.add(conn)
		s.mu.Unlock()
		s.moved(1)
	}
	return true
}

// arrive passes on a connection that has come to a shard. It asks again whose turn it
// is.
func (s *socket) arrive(sock *relay.Socket) {
	s.put(sock, true) // never false: the socket is not over before nothing moves
	s.moved(1)
}

// next is the listener for the next connection; nil where none has its turn. Listeners
// that share an address get one each in rotation. One without a taker is passed over
// while a connection waits for it. The caller holds the lock.
func (s *socket) next() (found *listener) {
	fits := func(l *listener) bool { return l.has && (l.take != nil || s.first == len(s.conns)) }
	n := 0
	for _, l := range s.listeners {
		if fits(l) {
			n, found = n+1, l
		}
	}
	if s.turns++; n < 2 {
		return found
	}
	skip := s.turns % n
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

// add keeps a connection for those that call Accept. The caller holds the lock.
func (s *socket) add(conn net.Conn) {
	s.conns = append(s.conns, conn)
	for _, l := range s.listeners {
		if l.has {
			l.signal()
		}
	}
}

// pop takes a connection for a listener, if there is one and the listener has its
// turn.
func (s *socket) pop(l *listener) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == len(s.conns) || !l.has || !slices.Contains(s.listeners, l) {
		return nil
	}
	if sock, ok := s.conns[s.first].(*relay.Socket); ok && l.dual {
		sock.SetDual()
	}
	conn := s.conns[s.first]
	s.conns[s.first] = nil
	if s.first++; s.first == len(s.conns) {
		s.first, s.conns = 0, s.conns[:0]
	} else {
		l.signal() // several may call Accept
	}
	if s.full && len(s.conns)-s.first <= mostInHand/2 {
		s.full = false
		s.look()
	}
	return conn
}

// isFull reports whether connections are to be taken before another one is accepted;
// then the accept goroutine is told to look again when they are.
func (s *socket) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = len(s.conns)-s.first >= mostInHand
	return s.full
}

// join adds a listener, which has no turn yet.
func (s *socket) join(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
}

// quit takes away a listener, which gets nothing any more.
func (s *socket) quit(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.listeners, l); i >= 0 {
		s.listeners = slices.Delete(s.listeners, i, i+1)
	}
}

// awaitTakes waits until the taker of a listener that has quit has returned.
func (s *socket) awaitTakes(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l.taking > 0 {
		s.settled.Wait()
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

// taken reports whether a taker has its turn.
func (s *socket) taken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.listeners, func(l *listener) bool { return l.has && l.take != nil })
}

// look has the goroutine of the socket look again at what it waits for.
func (s *socket) look() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// review looks again at whom the connections in hand are for: another listener may
// have its turn, or another socket their address.
func (s *socket) review() {
	s.mu.Lock()
	conns := slices.Clone(s.conns[s.first:])
	clear(s.conns)
	s.first, s.conns, s.full = 0, s.conns[:0], false
	s.moving += len(conns)
	s.mu.Unlock()
	s.look()
	for _, conn := range conns {
		s.deliver(conn, false)
	}
	s.moved(len(conns))
}

// moved notes that connections which had been moving are where they belong.
func (s *socket) moved(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moving -= n; s.moving == 0 {
		s.settled.Broadcast()
	}
}

// drain returns the connections in hand, behind which none is put in any more.
func (s *socket) drain() (conns []net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.moving > 0 {
		s.settled.Wait()
	}
	conns, s.conns = s.conns[s.first:], nil
	s.first, s.over = 0, true
	return conns
}

// deliver passes on a connection that is accepted: to the socket that it belongs to,
// where that is another one.
func (s *socket) deliver(conn net.Conn, onShard bool) {
	if heir := s.heir(conn); heir != nil {
		s.give(heir, conn, onShard)
		return
	}
	s.put(conn, onShard)
}

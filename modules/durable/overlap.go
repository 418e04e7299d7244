// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The addresses of sockets may overlap: 0.0.0.0:443 and 127.0.0.1:443. A connection belongs to the
// socket with the most specific address. The kernel does that for new clients; this file does it
// for connections that are already queued when an overlapping socket opens or closes.

// owners has the entries of sockets, for lookups that must not take socketsMu.
var owners sync.Map // address → *socket

// specificCount counts, for each wildcard address, the sockets with specific addresses beside it.
// It is guarded by socketsMu.
var specificCount = make(map[address]int)

// ceding holds the sockets that have ceded their address and are not closed yet. It is guarded by
// socketsMu.
var ceding = make(map[*socket]struct{})

// claimAddress makes s the socket of its address. The caller holds socketsMu.
func (s *socket) claimAddress() {
	sockets[s.key] = s
	owners.Store(s.key, s)
	if s.key.kind != ofTCP {
		return
	}
	all := s.key.wildcard()
	if !s.key.isWildcard() {
		specificCount[all]++
	}
	if w := sockets[all]; w != nil && specificCount[all] > 0 {
		w.overlapped.Store(true)
		w.redeliver()
	}
}

// releaseAddress frees the address, unless another socket holds it by now. The caller holds
// socketsMu.
func (s *socket) releaseAddress() {
	if sockets[s.key] != s {
		return
	}
	delete(sockets, s.key)
	owners.Delete(s.key)
	if s.key.kind != ofTCP || s.key.isWildcard() {
		return
	}
	all := s.key.wildcard()
	if specificCount[all]--; specificCount[all] == 0 {
		delete(specificCount, all)
		if w := sockets[all]; w != nil {
			w.overlapped.Store(false)
		}
	}
}

// cedeAddress leaves the address to the successors. They get the connections that are queued or
// whose handshake has begun; the last user of s gets those that belong to no other socket. The
// caller holds socketsMu.
func (s *socket) cedeAddress() {
	s.overlapped.Store(true)
	s.releaseAddress()
	s.kernel.stepAside()
	s.redeliver()
	ceding[s] = struct{}{}
	time.AfterFunc(handshakeTime, func() {
		socketsMu.Lock()
		defer socketsMu.Unlock()
		delete(ceding, s)
		s.beginClose()
	})
}

// successors returns the sockets that get l's connections after it has closed. Sockets of l's own
// configuration, which is ending, do not count. The caller holds socketsMu.
func (s *socket) successors(l *listener) (found []*socket) {
	if s.key.kind != ofTCP {
		return nil
	}
	all := s.key.wildcard()
	if !s.key.isWildcard() {
		if w := sockets[all]; w != nil && w.hasOtherRunningUser(l) {
			found = append(found, w)
		}
		return found
	}
	if specificCount[all] == 0 {
		return nil
	}
	for key, other := range sockets {
		if other != s && s.key.covers(key) && other.hasOtherRunningUser(l) {
			found = append(found, other)
		}
	}
	return found
}

// hasOtherRunningUser reports whether the socket has a user of a running configuration other than
// l's. The caller holds socketsMu.
func (s *socket) hasOtherRunningUser(l *listener) bool {
	for _, u := range s.users {
		if !u.hasConfig || u.config != l.config && u.config.Running() {
			return true
		}
	}
	return false
}

// otherOwner returns the socket that a connection of s belongs to, or nil if it is s. It takes no
// lock.
func (s *socket) otherOwner(conn net.Conn) *socket {
	if !s.overlapped.Load() {
		return nil
	}
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	at := address{at: local.AddrPort()}
	for _, key := range []address{at, at.wildcard()} {
		if found, ok := owners.Load(key); ok {
			if owner := found.(*socket); owner.isServing() {
				if owner == s {
					return nil
				}
				return owner
			}
		}
	}
	return nil
}

// isServing reports whether the socket has started and is not closing.
func (s *socket) isServing() bool {
	select {
	case <-s.started:
		return !s.isClosing()
	default:
		return false
	}
}

// transfer moves a connection of s to another socket.
func (s *socket) transfer(to *socket, conn net.Conn, onShard bool) {
	for {
		to.inFlight.Add(1)
		s.inFlight.Add(-1)
		if to.dispatch(conn, onShard) {
			return
		}
		next := to.otherOwner(conn) // to has closed meanwhile
		if next == nil {
			to.inFlight.Add(-1)
			logger().Warn("connection closed: its address was closed while it was handed over", zap.Stringer("address", to.key), zap.Stringer("client", conn.RemoteAddr()))
			_ = conn.Close()
			return
		}
		s, to = to, next
	}
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The addresses of sockets may overlap: 0.0.0.0:443 and 127.0.0.1:443. A connection
// belongs to the socket whose address is the most exact. The kernel sees to that for
// those who come; for those who are in already when a socket is opened or closed
// beside theirs, it is done here.

// owners are the values of sockets, for who must not wait for its lock.
var owners sync.Map // address → *socket

// specificCount counts the sockets beside each wildcard address, by that. It is guarded by
// socketsMu.
var specificCount = make(map[address]int)

// ceding are the sockets that have left their address to others. It is guarded by
// socketsMu.
var ceding = make(map[*socket]struct{})

// claimAddress has the socket be that of its address. The caller holds socketsMu.
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

// releaseAddress frees the address, unless a successor holds it. The caller holds socketsMu.
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

// cedeAddress leaves the address to its successors. Who is in already, or whose handshake has
// begun, is given to them, too, or to the last user if there is no other for him. The
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

// successors are the sockets that l's connections belong to when it has closed. Those of
// its own configuration, which ends, are none. The caller holds socketsMu.
func (s *socket) successors(l *listener) (heirs []*socket) {
	if s.key.kind != ofTCP {
		return nil
	}
	all := s.key.wildcard()
	if !s.key.isWildcard() {
		if w := sockets[all]; w != nil && w.hasOtherRunningUser(l) {
			heirs = append(heirs, w)
		}
		return heirs
	}
	if specificCount[all] == 0 {
		return nil
	}
	for key, other := range sockets {
		if other != s && key.kind == ofTCP && key.wildcard() == all && other.hasOtherRunningUser(l) {
			heirs = append(heirs, other)
		}
	}
	return heirs
}

// hasOtherRunningUser reports whether the socket has a user whose configuration runs, and is
// another than l's. The caller holds socketsMu.
func (s *socket) hasOtherRunningUser(l *listener) bool {
	for _, u := range s.users {
		if !u.hasConfig || u.config != l.config && u.config.Running() {
			return true
		}
	}
	return false
}

// otherOwner is the socket that a connection of s belongs to, if that is another one. It
// takes no lock.
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

// isServing reports whether a configuration that uses the socket has run, and it has
// not been closed.
func (s *socket) isServing() bool {
	select {
	case <-s.started:
		return !s.isClosing()
	default:
		return false
	}
}

// transfer gives a connection of s to another socket.
func (s *socket) transfer(to *socket, conn net.Conn, onShard bool) {
	for {
		to.inFlight.Add(1)
		s.inFlight.Add(-1)
		if to.dispatch(conn, onShard) {
			return
		}
		next := to.otherOwner(conn) // it has been closed meanwhile
		if next == nil {
			to.inFlight.Add(-1)
			logger().Warn("connection closed: its address was closed while it was handed over", zap.Stringer("address", to.key), zap.Stringer("client", conn.RemoteAddr()))
			_ = conn.Close()
			return
		}
		s, to = to, next
	}
}

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

// exact counts the sockets beside each wildcard address, by that. It is guarded by
// socketsMu.
var exact = make(map[address]int)

// leaving are the sockets that have left their address to others. It is guarded by
// socketsMu.
var leaving = make(map[*socket]struct{})

// enter has the socket be that of its address. The caller holds socketsMu.
func (s *socket) enter() {
	sockets[s.key] = s
	owners.Store(s.key, s)
	if s.key.kind != ofTCP {
		return
	}
	all := s.key.wildcard()
	if !s.key.isWildcard() {
		exact[all]++
	}
	if w := sockets[all]; w != nil && exact[all] > 0 {
		w.shared.Store(true)
		w.review()
	}
}

// forget frees the address, unless a successor holds it. The caller holds socketsMu.
func (s *socket) forget() {
	if sockets[s.key] != s {
		return
	}
	delete(sockets, s.key)
	owners.Delete(s.key)
	if s.key.kind != ofTCP || s.key.isWildcard() {
		return
	}
	all := s.key.wildcard()
	if exact[all]--; exact[all] == 0 {
		delete(exact, all)
		if w := sockets[all]; w != nil {
			w.shared.Store(false)
		}
	}
}

// bequeath leaves the address to its heirs. Who is in already, or whose handshake has
// begun, is given to them, too, or to the last user if there is no other for him. The
// caller holds socketsMu.
func (s *socket) bequeath() {
	s.shared.Store(true)
	s.forget()
	s.kernel.stepAside()
	s.review()
	leaving[s] = struct{}{}
	time.AfterFunc(handshakes, func() {
		socketsMu.Lock()
		defer socketsMu.Unlock()
		delete(leaving, s)
		s.shut()
	})
}

// heirs are the sockets that l's connections belong to when it has closed. Those of
// its own configuration, which ends, are none. The caller holds socketsMu.
func (s *socket) heirs(l *listener) (heirs []*socket) {
	if s.key.kind != ofTCP {
		return nil
	}
	all := s.key.wildcard()
	if !s.key.isWildcard() {
		if w := sockets[all]; w != nil && w.outlives(l) {
			heirs = append(heirs, w)
		}
		return heirs
	}
	if exact[all] == 0 {
		return nil
	}
	for key, other := range sockets {
		if other != s && key.kind == ofTCP && key.wildcard() == all && other.outlives(l) {
			heirs = append(heirs, other)
		}
	}
	return heirs
}

// outlives reports whether the socket has a user whose configuration runs, and is
// another than l's. The caller holds socketsMu.
func (s *socket) outlives(l *listener) bool {
	for _, u := range s.users {
		if !u.hasConfig || u.config != l.config && u.config.Running() {
			return true
		}
	}
	return false
}

// heir is the socket that a connection of s belongs to, if that is another one. It
// takes no lock.
func (s *socket) heir(conn net.Conn) *socket {
	if !s.shared.Load() {
		return nil
	}
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	at := address{at: local.AddrPort()}
	for _, key := range []address{at, at.wildcard()} {
		if found, ok := owners.Load(key); ok {
			if owner := found.(*socket); owner.serves() {
				if owner == s {
					return nil
				}
				return owner
			}
		}
	}
	return nil
}

// serves reports whether a configuration that uses the socket has run, and it has
// not been closed.
func (s *socket) serves() bool {
	select {
	case <-s.begun:
		return !s.isIdle()
	default:
		return false
	}
}

// give gives a connection of s to another socket.
func (s *socket) give(to *socket, conn net.Conn, onShard bool) {
	for {
		to.hand.Add(1)
		s.hand.Add(-1)
		if to.put(conn, onShard) {
			return
		}
		next := to.heir(conn) // it has been closed meanwhile
		if next == nil {
			to.hand.Add(-1)
			logger().Warn("connection closed: its address was closed while it was handed over", zap.Stringer("address", to.key), zap.Stringer("client", conn.RemoteAddr()))
			_ = conn.Close()
			return
		}
		s, to = to, next
	}
}

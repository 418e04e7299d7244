// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// The addresses of sockets may overlap: 0.0.0.0:443 and 127.0.0.1:443, or either of them on all
// interfaces and on one. A connection belongs to the socket with the most specific address, and of
// two with one address to that of the interface. The kernel does that for new clients; this file
// does it for connections that are already queued when an overlapping socket opens or closes.

// owners has the entries of sockets, for lookups that must not take socketsMu.
var owners sync.Map // address → *socket

// deviceCount counts the sockets in owners that are bound to an interface.
var deviceCount atomic.Int64

// family is an IP version's share of a port in a network namespace: addresses of different families
// do not overlap.
type family struct {
	ns   netns.ID
	port uint16
	ipv4 bool
}

func (a address) family() family { return family{a.place.ns, a.at.Port(), a.isIPv4()} }

// families holds the TCP sockets in sockets. It is guarded by socketsMu.
var families = make(map[family][]*socket)

// ceding holds the sockets that have ceded their address and are not closed yet. It is guarded by
// socketsMu.
var ceding = make(map[*socket]struct{})

// meets reports whether a connection can be to both addresses, which are of one family.
func (a address) meets(b address) bool {
	return (a.isWildcard() || b.isWildcard() || a.at == b.at) &&
		(a.place.device == 0 || b.place.device == 0 || a.place.device == b.place.device)
}

// outranks reports whether connections to both addresses belong to a.
func (a address) outranks(b address) bool { return a.meets(b) && a.rank() > b.rank() }

// rank returns how specific the address is, in the kernel's order.
func (a address) rank() (n int) {
	if !a.isWildcard() {
		n += 2
	}
	if a.place.device != 0 {
		n++
	}
	return n
}

// claimAddress makes s the socket of its address. The caller holds socketsMu.
func (s *socket) claimAddress() {
	sockets[s.key] = s
	owners.Store(s.key, s)
	if s.key.kind != ofTCP {
		return
	}
	if s.key.place.device != 0 {
		deviceCount.Add(1)
	}
	f := s.key.family()
	for _, other := range families[f] {
		switch {
		case s.key.outranks(other.key):
			other.above++
			other.overlapped.Store(true)
			other.redeliver()
		case other.key.outranks(s.key):
			s.above++
			s.overlapped.Store(true)
		}
	}
	families[f] = append(families[f], s)
}

// releaseAddress frees the address, unless another socket holds it by now. The caller holds
// socketsMu.
func (s *socket) releaseAddress() {
	if sockets[s.key] != s {
		return
	}
	delete(sockets, s.key)
	owners.Delete(s.key)
	if s.key.kind != ofTCP {
		return
	}
	if s.key.place.device != 0 {
		deviceCount.Add(-1)
	}
	f := s.key.family()
	left := slices.DeleteFunc(families[f], func(other *socket) bool { return other == s })
	if families[f] = left; len(left) == 0 {
		delete(families, f)
	}
	for _, other := range left {
		if !s.key.outranks(other.key) {
			continue
		}
		if other.above--; other.above == 0 {
			other.overlapped.Store(false)
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
	for _, other := range families[s.key.family()] {
		if other != s && other.key.meets(s.key) && other.hasOtherRunningUser(l) {
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
	keys, n := s.addressesOf(conn, local.AddrPort())
	for _, key := range keys[:n] {
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

// addressesOf returns the addresses, the most specific first, whose sockets could get a connection
// of s to at, and their number. It is 0 if the system has redirected the connection to s, as TPROXY
// does.
func (s *socket) addressesOf(conn net.Conn, at netip.AddrPort) (all [4]address, n int) {
	if at.Port() != s.key.at.Port() || !s.key.isWildcard() && at.Addr().WithZone("") != s.key.at.Addr().WithZone("") {
		return all, 0
	}
	device := s.key.place.device
	if device == 0 && deviceCount.Load() > 0 {
		device = arrivalDevice(conn)
	}
	exact := address{at: at, place: place{ns: s.key.place.ns}}
	for _, a := range [...]address{exact, exact.wildcard()} {
		if device != 0 {
			all[n] = a
			all[n].place.device = device
			n++
		}
		all[n] = a
		n++
	}
	return all, n
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

// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// holds says what connections with an entry have taken, beside their place in the frontend's count.
type holds struct {
	bind      *connCount        // nil: the bind has no limit of its own
	addresses *limits.Addresses // nil: their addresses are not counted
	listener  *Listener         // nil: nothing counts those of the address
}

// release gives back what a connection from an address has taken.
func (h *holds) release(from netip.Addr) {
	if h == nil {
		return
	}
	if h.bind != nil {
		h.bind.leave()
	}
	if h.addresses != nil {
		h.addresses.Leave(from)
	}
	if h.listener != nil {
		h.listener.open.Add(-1)
	}
}

// releaseHolds gives back what the session's connection has taken.
func (s *session) releaseHolds() {
	if h := s.holds; h != nil {
		var from netip.Addr
		if h.addresses != nil {
			from = tcplog.Packed(s.packed.Bytes()[8:]).Client()
		}
		h.release(from)
	}
}

// fullPause bounds the wait for a place.
const fullPause = time.Second

// Pause returns how long to leave connections in the kernel's queue because of the frontend's
// limits, and those of the entry; 0: not at all. w is called if that may be over before. It does
// not block.
func (e *Entry) Pause(w Waker) time.Duration {
	f := e.f
	if f.isDisabled() {
		f.conns.await(w)
		if f.isDisabled() { // it may have been enabled before await
			return fullPause
		}
	}
	if f.isFull(f.conns, f.maxConn(), w) || e.MaxConn != 0 && f.isFull(e.holds.bind, e.MaxConn, w) {
		return fullPause
	}
	rate := f.sessionRate()
	if rate == 0 {
		return 0
	}
	if f.conns.sessions.Wait(rate, time.Now()) > 0 {
		f.conns.await(w) // a connection may be refused, and then does not count
	}
	return f.conns.sessions.Wait(rate, time.Now())
}

// isFull reports whether a count has reached its limit; 0: it has none.
func (f *Frontend) isFull(c *connCount, limit int, w Waker) bool {
	full := func() bool { return c.Load()+c.line.length.Load() >= int64(limit) }
	if limit == 0 || !full() {
		return false
	}
	c.await(w)
	return full() // one may have left before await
}

// Routed returns the entry of connections that come by a route of layer4.
func (f *Frontend) Routed() *Entry { return f.routed }

// isLimited reports whether Pause has anything to say.
func (e *Entry) isLimited() bool {
	return e.f.maxConn() > 0 || e.f.sessionRate() > 0 || e.MaxConn > 0 || e.f.isDisabled()
}

// enter gives a new connection its place in the counts, if there is one. It does not block. It
// wakes nothing that waits for a place: that may call it.
func (e *Entry) enter() bool {
	entered := e.tryEnter()
	if entered {
		e.countAccepted()
	}
	return entered
}

// countAccepted counts a connection that has its place.
func (e *Entry) countAccepted() {
	e.f.ends.accepted.Add(1)
	now := time.Now()
	e.f.ends.accepts.Count(now)
	if l := e.Listener; l != nil {
		l.accepted.Count(now)
		l.open.Add(1)
	}
}

func (e *Entry) tryEnter() bool {
	f := e.f
	if !e.isLimited() {
		f.conns.enter()
		return true
	}
	rate := f.sessionRate()
	if f.isDisabled() || e.MaxConn > 0 && e.holds.bind.Load() >= int64(e.MaxConn) || rate > 0 && f.conns.sessions.Wait(rate, time.Now()) > 0 {
		return false // before the frontend's count is raised in vain
	}
	if !raise(f.conns, f.maxConn()) {
		return false
	}
	if e.MaxConn > 0 && !raise(e.holds.bind, e.MaxConn) {
		f.conns.Add(-1)
		return false
	}
	if rate > 0 && !f.conns.sessions.Add(rate, time.Now()) {
		f.conns.Add(-1)
		if e.MaxConn > 0 {
			e.holds.bind.Add(-1)
		}
		return false
	}
	return true
}

// raise raises a count unless it has reached its limit; 0: it has none.
func raise(c *connCount, limit int) bool {
	for {
		n := c.Load()
		if limit > 0 && n >= int64(limit) {
			return false
		}
		if c.CompareAndSwap(n, n+1) {
			c.highest.note(int(n + 1))
			return true
		}
	}
}

// awaitPlace gives a new connection its place in the counts, and waits for it. It reports whether
// it had to wait.
func (e *Entry) awaitPlace() (waited bool) {
	turn := e.enterOrJoin()
	if turn == nil {
		return false
	}
	e.awaitTurn(turn)
	return true
}

// enterOrJoin gives a new connection its place in the counts, and returns nil, or a place in the
// line of those that wait for one. It does not block.
func (e *Entry) enterOrJoin() (turn <-chan struct{}) {
	if e.f.conns.line.length.Load() == 0 && e.enter() {
		return nil
	}
	return e.f.conns.line.join()
}

// awaitTurn waits in line for a connection's place in the counts. Few connections ever wait here:
// they arrived at the same time as the last one for which there was a place, while the others stay
// in the kernel's queue. At shutdown none waits.
func (e *Entry) awaitTurn(turn <-chan struct{}) {
	<-turn
	c := e.f.conns
	defer c.line.leave()
	for w := newRoomWaker(); !e.enter(); {
		if ending, _ := lifecycle.ShuttingDown(); ending {
			e.enterAnyway()
			break
		}
		c.await(w)
		if e.MaxConn > 0 {
			e.holds.bind.await(w)
		}
		if e.enter() {
			break
		}
		w.wait(shortPause)
	}
}

// shortPause bounds the wait for a place where a rate may be the reason.
const shortPause = 10 * time.Millisecond

// enterAnyway gives a new connection its place in the counts even where they are full.
func (e *Entry) enterAnyway() {
	e.f.conns.enter()
	e.countAccepted()
	if e.MaxConn > 0 {
		e.holds.bind.enter()
	}
}

// roomWaker is a Waker of a goroutine.
type roomWaker chan struct{}

func newRoomWaker() roomWaker { return make(roomWaker, 1) }

// Wake implements Waker.
func (w roomWaker) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

func (w roomWaker) wait(atMost time.Duration) {
	select {
	case <-w:
	case <-time.After(atMost):
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"time"

	"golang.org/x/sys/unix"
)

// linger ends a session in which everything for one side is in the kernel. A reset
// would throw away what the kernel has not delivered yet, and so would a close while
// something from that side is unread or arrives later. Until all is delivered only
// that connection is kept.
func (s *Session) linger(sh *shard, of Side, now int64) {
	es := &s.engine
	e, other := &es.sides[of], &es.sides[1-of]
	e.set(readDone)
	if e.has(writeBroken) || e.has(gotFin) && !s.resets(of) {
		s.finish(sh)
		return
	}
	if !s.resets(of) {
		e.set(sentFin)
		_ = shutdown(int(e.fd), unix.SHUT_WR)
	}
	left := e.undelivered()
	if left == 0 {
		e.set(delivered)
		s.finish(sh)
		return
	}
	s.drop(sh, of)
	s.drop(sh, 1-of)
	closeFD(int(other.fd))
	other.fd = -1
	es.state = lingering
	*s.stall() = stalled{since: now, left: left, moved: now}
	s.arm()
}

// resets reports whether a side's connection is to be reset, because the other's
// was: a FIN would tell its peer that all has been said.
func (s *Session) resets(of Side) bool {
	cause := s.extra().cause
	return cause != nil && cause.Cause == Reset && cause.By != of
}

// lingerEvent is called by the shard when something happens to the side that a session
// lingers for. What that side sends has no receiver: it is read so that it does no
// harm when the connection is closed.
func (s *Session) lingerEvent(sh *shard, of Side, ready uint32) {
	e := &s.engine.sides[of]
	switch {
	case e.fd < 0: // an event from before it was closed
	case ready&unix.EPOLLERR != 0:
		s.finish(sh)
	case ready&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP) != 0 && !s.resets(of) && !e.has(gotFin):
		s.discard(sh, of)
	}
}

// discard reads what a side has sent, and finishes the session where that was the
// end: nothing can arrive any more that the close could stumble over.
func (s *Session) discard(sh *shard, of Side) {
	e := &s.engine.sides[of]
	for got := 0; ; {
		n, err := read(int(e.fd), sh.buffer[:])
		switch {
		case n > 0:
			if got += n; got >= smallPipe {
				s.rearm(sh, of)
				return
			}
		case err != unix.EAGAIN: //nolint:errorlint // an Errno, or nil: the end
			s.finish(sh)
			return
		default:
			return
		}
	}
}

// checkDelivery looks how much of what a session lingers for is still to be delivered,
// and finishes it where that is nothing, or where nothing has moved for too long.
func (s *Session) checkDelivery(now int64) {
	es := &s.engine
	of := Client
	if es.sides[Client].fd < 0 {
		of = Server
	}
	e := &es.sides[of]
	left := e.undelivered()
	l := s.more.stalled
	if left != l.left {
		l.left, l.moved = left, now
		e.active.Store(now)
	}
	e.put(delivered, left == 0)
	if left == 0 || now-l.moved >= s.writeTimeout(of) {
		s.finish(nil)
		return
	}
	s.arm()
}

// nextDeliveryCheck is when delivered is to be called: soon at first, then less and less
// often, and in time for the end of patience.
func (s *Session) nextDeliveryCheck() int64 {
	es, l, now := &s.engine, s.more.stalled, clock()
	pause := min(max((now-l.since)/4, int64(time.Millisecond)), int64(maxDeliveryPause))
	next := now + pause
	for _, of := range both {
		if e := &es.sides[of]; e.fd >= 0 {
			next = min(next, l.moved+s.writeTimeout(of))
		}
	}
	return next
}

// lostOnClose is how much of what was written to a side gets lost when its connection
// is closed now. reset: by RST; else that happens where something from it is unread.
func lostOnClose(e *side, reset bool) int64 {
	if e.has(delivered) || e.has(unixSocket) {
		return 0
	}
	if !reset {
		if unread, err := queued(int(e.fd), unix.SIOCINQ); err != nil || unread == 0 {
			return 0
		}
	}
	n := e.undelivered()
	if e.has(sentFin) && n > 0 {
		n-- // the FIN counts as a byte
	}
	return int64(n)
}

// undelivered returns how many bytes the other end of a connection has not
// acknowledged, the FIN counting as one. What is written to a Unix socket is there at
// once.
func (e *side) undelivered() int32 {
	if e.has(unixSocket) {
		return 0
	}
	n, err := queued(int(e.fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return int32(n)
}

// undeliveredBytes is undelivered, for the copying pump.
func undeliveredBytes(fd uintptr) (n int64, known bool) {
	e := side{fd: int32(fd)}
	domain, err := getOption(int(fd), unix.SO_DOMAIN)
	e.put(unixSocket, err != nil || domain == unix.AF_UNIX)
	return int64(e.undelivered()), true
}

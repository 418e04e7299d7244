// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"time"

	"golang.org/x/sys/unix"
)

// linger ends a session once the kernel holds all bytes for a side. A reset would throw away what
// the kernel has not delivered yet, and so would a close while bytes from that side are unread or
// arrive later. Until all bytes are delivered, that connection stays open; the other is closed.
func (s *Session) linger(sh *shard, of Side, now int64) {
	es := &s.engine
	e, other := &es.sides[of], &es.sides[1-of]
	e.set(readDone)
	if es.options.noLinger(of, e.has(gotFin)) || e.has(writeBroken) || e.has(gotFin) && !s.resets(of) {
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

// resets reports whether to reset a side's connection because the other's was reset: a FIN would
// tell its peer that it has received everything.
func (s *Session) resets(of Side) bool {
	cause := s.extra().cause
	return cause != nil && cause.Cause == Reset && cause.By != of
}

// lingerEvent handles an event of the side that a session lingers for. What that side sends has no
// receiver; it is read because unread bytes would turn the close into a reset.
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

// discard reads what a side has sent, and finishes the session at its end: then nothing can arrive
// any more that would turn the close into a reset.
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

// checkDelivery finishes a lingering session once its bytes are delivered, or if none have moved
// for the timeout.
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

// nextDeliveryCheck returns when checkDelivery must be called: soon at first, then less and less
// often, and in time for the timeout.
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

// lostOnClose returns how many bytes written to a side are lost if its connection is closed now. A
// close by RST loses all undelivered bytes; any other does so only if bytes from the side are
// unread.
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

// undelivered returns how many bytes the other end of a connection has not acknowledged, the FIN
// counting as one. Bytes written to a Unix socket are delivered at once.
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

// undeliveredBytes returns the same for sessions that are copied.
func undeliveredBytes(fd uintptr) (n int64, known bool) {
	e := side{fd: int32(fd)}
	domain, err := getOption(int(fd), unix.SO_DOMAIN)
	e.put(unixSocket, err != nil || domain == unix.AF_UNIX)
	return int64(e.undelivered()), true
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"time"

	"golang.org/x/sys/unix"
)

// nextCheck returns when check must be called next; 0: never.
func (s *Session) nextCheck() (first int64) {
	es := &s.engine
	if a := s.arrival(); a != nil {
		return a.nextCheck()
	}
	if es.state == lingering {
		return s.nextDeliveryCheck()
	}
	if h := s.extra().held; h != nil {
		first = h.until
	}
	for _, of := range both {
		e := &es.sides[of]
		blocked := s.blocked(of)
		if limit := s.writeTimeout(of); blocked != 0 && limit != 0 {
			first = earlier(first, blocked+limit)
		}
		if e.has(writeBroken) && s.blocked(1-of) == 0 {
			first = earlier(first, s.more.stalled.since+int64(readAfterBreak))
		}
		if limit := int64(s.limit(of)); limit != 0 && s.readingFrom(of) {
			first = earlier(first, e.active.Load()+limit)
		}
	}
	return first
}

// earlier returns the earlier of two times, a being 0 for none.
func earlier(a, b int64) int64 {
	if a == 0 || b < a {
		return b
	}
	return a
}

// limit returns how long a side may be silent; 0: without limit.
func (s *Session) limit(of Side) time.Duration {
	return shortened(s.engine.options.limit(of, s.engine.firstFin != Proxy))
}

// writeTimeout returns how long a side may accept none of the bytes for it; 0: without limit,
// unless the other side is gone.
func (s *Session) writeTimeout(of Side) int64 {
	limit := s.limit(of)
	if es := &s.engine; limit == 0 && (es.state == lingering || es.sides[1-of].has(writeBroken)) {
		limit = lingerTimeout
	}
	return int64(limit)
}

// readingFrom reports whether a side is read from: it is not as long as the other one has not
// accepted what it sent.
func (s *Session) readingFrom(of Side) bool {
	es := &s.engine
	return !es.sides[of].has(readDone) && s.blocked(1-of) == 0
}

// arm sets the session's timer to call check in time.
func (s *Session) arm() {
	if due := s.nextCheck(); due != 0 && s.engine.isActive() {
		s.engine.shard().setTimer(s.engine.slot, due)
	}
}

// timerFired ends directions and sessions whose timeouts have passed.
func (s *Session) timerFired() {
	s.mu.Lock()
	defer s.mu.Unlock()
	es, now := &s.engine, clock()
	if a := s.arrival(); a != nil {
		if !a.busy {
			s.proceed(nil, now)
		}
		return
	}
	switch {
	case es.state == lingering:
		s.checkDelivery(now)
		return
	case es.state != running || s.inGrace(now):
		return
	}
	s.checkHeld(now)
	for _, of := range both {
		if es.state != running {
			return
		}
		s.checkTimeouts(of, now)
	}
	s.arm()
}

// checkTimeouts ends what the timeouts of a side end: the direction from it, or the session.
func (s *Session) checkTimeouts(of Side, now int64) {
	e, blocked := &s.engine.sides[of], s.blocked(of)
	switch limit, writeLimit := int64(s.limit(of)), s.writeTimeout(of); {
	case e.has(writeBroken) && s.blocked(1-of) == 0 && now-s.more.stalled.since >= int64(readAfterBreak):
		s.setCause(Result{By: of, Cause: Reset, Err: errAfterEnd})
		s.finish(nil)
	case blocked != 0 && writeLimit != 0 && now-blocked >= writeLimit:
		s.setCause(Result{By: of, Cause: Timeout})
		s.finish(nil)
	case limit != 0 && s.readingFrom(of) && now-e.active.Load() >= limit:
		s.setCause(Result{By: s.timedOutSide(of, now), Cause: Timeout})
		s.finished(nil, of, now)
	}
}

// recheckGrace is the time that the shard has to handle events found by a check of the sockets.
const recheckGrace = time.Second

// inGrace reports whether to spare a running session whose timeout seems to have passed: the
// sockets hold events, and recheckGrace has not passed since.
func (s *Session) inGrace(now int64) bool {
	due := s.nextCheck()
	over := due != 0 && due <= now
	l := s.extra().stalled
	if over && (l == nil || l.graceUntil == 0) && s.hasEvents() {
		l = s.stall()
		l.graceUntil = now + int64(recheckGrace)
	}
	if l == nil {
		return false
	}
	if over && l.graceUntil != 0 && now < l.graceUntil {
		s.engine.shard().setTimer(s.engine.slot, l.graceUntil)
		return true
	}
	l.graceUntil = 0
	return false
}

// hasEvents reports whether the kernel holds events that end a silence: the clock alone does not
// show whether the peers were silent or this process did not run.
func (s *Session) hasEvents() bool {
	var list [2]unix.PollFd
	for _, of := range both {
		fd, blocked := s.engine.sides[of].fd, s.blocked(of) != 0
		list[of].Fd = -1
		if s.readingFrom(of) {
			list[of] = unix.PollFd{Fd: fd, Events: unix.POLLIN}
		} else if blocked {
			list[of] = unix.PollFd{Fd: fd}
		}
		if blocked {
			list[of].Events |= unix.POLLOUT
		}
	}
	n, err := unix.Poll(list[:], 0)
	return err == nil && n > 0
}

// timedOutSide returns the side to blame when a side's timeout has passed: the client if its
// timeout has passed as well, as in HAProxy's log.
func (s *Session) timedOutSide(of Side, now int64) Side {
	client, limit := &s.engine.sides[Client], int64(s.limit(Client))
	if limit != 0 && s.readingFrom(Client) && client.active.Load()+limit-now < int64(sameMoment) {
		return Client
	}
	return of
}

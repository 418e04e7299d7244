// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"time"

	"golang.org/x/sys/unix"
)

// due is when check is to be called next; 0: never.
func (s *Session) due() (first int64) {
	es := &s.engine
	if a := s.arrival(); a != nil {
		return a.comes()
	}
	if es.state == lingering {
		return s.nextLook()
	}
	for _, of := range both {
		e := &es.sides[of]
		blocked := s.blocked(of)
		if limit := s.takes(of); blocked != 0 && limit != 0 {
			first = sooner(first, blocked+limit)
		}
		if e.has(dying) && s.blocked(1-of) == 0 {
			first = sooner(first, s.more.stalled.since+int64(lastWords))
		}
		if limit := int64(s.limit(of)); limit != 0 && s.awaited(of) {
			first = sooner(first, e.active.Load()+limit)
		}
	}
	return first
}

func sooner(a, b int64) int64 {
	if a == 0 || b < a {
		return b
	}
	return a
}

// limit is how long a side may be silent; 0: for ever.
func (s *Session) limit(of Side) time.Duration {
	return s.engine.options.limit(of, s.engine.firstFin != Proxy)
}

// takes is how long a side may take nothing of what there is for it; 0: for ever,
// but not where the other side is gone.
func (s *Session) takes(of Side) int64 {
	limit := s.limit(of)
	if es := &s.engine; limit == 0 && (es.state == lingering || es.sides[1-of].has(dying)) {
		limit = lingerFor
	}
	return int64(limit)
}

// awaited reports whether a side could send something: as long as the other one
// has not taken what it has sent, it is not read from.
func (s *Session) awaited(of Side) bool {
	es := &s.engine
	return !es.sides[of].has(done) && s.blocked(1-of) == 0
}

// arm sees to it that check is called in time.
func (s *Session) arm() {
	if due := s.due(); due != 0 && s.engine.isActive() {
		s.engine.shard().set(s.engine.slot, due)
	}
}

// check ends what has been silent for too long.
func (s *Session) check() {
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
		s.delivered(now)
		return
	case es.state != running || s.excuse(now):
		return
	}
	for _, of := range both {
		e := &es.sides[of]
		switch limit := int64(s.limit(of)); {
		case es.state != running:
			return
		case e.has(dying) && s.blocked(1-of) == 0 && now-s.more.stalled.since >= int64(lastWords):
			s.setCause(Result{By: of, Cause: Reset, Err: errAfterEnd})
			s.finish(nil)
		case s.blocked(of) != 0 && s.takes(of) != 0 && now-s.blocked(of) >= s.takes(of):
			s.setCause(Result{By: of, Cause: Timeout})
			s.finish(nil)
		case limit != 0 && s.awaited(of) && now-e.active.Load() >= limit:
			s.setCause(Result{By: s.silent(of, now), Cause: Timeout})
			s.finished(nil, of, now)
		}
	}
	s.arm()
}

// moment is how long the shard has to see to what a look at the sockets has found.
const moment = time.Second

// excuse reports whether a session whose time seems to be over is to be left alone
// for a moment, since the sockets say otherwise, or that moment is not over.
func (s *Session) excuse(now int64) bool {
	es := &s.engine
	due := s.due()
	over := es.state == running && due != 0 && due <= now
	l := s.extra().stalled
	if over && (l == nil || l.graceUntil == 0) && s.stirs() {
		l = s.stall()
		l.graceUntil = now + int64(moment)
	}
	if l == nil {
		return false
	}
	if over && l.graceUntil != 0 && now < l.graceUntil {
		es.shard().set(es.slot, l.graceUntil)
		return true
	}
	l.graceUntil = 0
	return false
}

// stirs reports whether something waits in the kernel that ends a silence: the clock
// alone does not tell whether the peers were silent or this process did not run.
func (s *Session) stirs() bool {
	var list [2]unix.PollFd
	for _, of := range both {
		fd, blocked := s.engine.sides[of].fd, s.blocked(of) != 0
		list[of].Fd = -1
		if s.awaited(of) {
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

// silent is who is said to have been silent when the time of a side is over: the
// client, where its time is over as well, as in HAProxy's log.
func (s *Session) silent(of Side, now int64) Side {
	client, limit := &s.engine.sides[Client], int64(s.limit(Client))
	if limit != 0 && s.awaited(Client) && client.active.Load()+limit-now < int64(atOnce) {
		return Client
	}
	return of
}

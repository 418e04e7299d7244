// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"iter"
	"runtime"
)

// visitChunk is the number of slots that Sessions looks at while it holds the lock of a shard.
const visitChunk = 512

// Sessions returns the sessions that the engine has in this process. The caller may take as long as
// it likes for each: no lock is held, so that one may have ended meanwhile. Sessions that begin
// during the iteration may be left out, and one that moves to another shard may come twice.
func Sessions() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		shards := engineShards.shards.Load()
		if shards == nil {
			return
		}
		chunk := make([]*Session, 0, visitChunk)
		for _, sh := range *shards {
			for from, more := 0, true; more; from += visitChunk {
				chunk, more = sh.sessionsFrom(from, chunk[:0])
				for _, s := range chunk {
					if !yield(s) {
						return
					}
				}
				runtime.Gosched() // not while a lock is held
			}
		}
	}
}

// sessionsFrom appends the sessions in a chunk of slots to list, and reports whether more slots
// follow.
func (sh *shard) sessionsFrom(from int, list []*Session) ([]*Session, bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	end := min(from+visitChunk, len(sh.slots))
	for _, w := range sh.slots[min(from, end):end] {
		if s, ok := w.(interface{ self() *Session }); ok {
			list = append(list, s.self())
		}
	}
	return list, end < len(sh.slots)
}

// busyTries bounds the attempts to find a session whose handler does not run.
const busyTries = 1000

// Look calls f with the session's owner, or with its Handler while it arrives, with its progress
// and its counters. Meanwhile no method of theirs runs, and the session does not move on: f must be
// quick, and must not call the session. Look returns false without a call if the session has ended,
// or if its handler is busy all the time.
func (s *Session) Look(f func(Owner, Progress, Counters)) bool {
	for range busyTries {
		seen, busy := s.look(f)
		if !busy {
			return seen
		}
		runtime.Gosched()
	}
	return false
}

func (s *Session) look(f func(Owner, Progress, Counters)) (seen, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.engine.isActive() {
		return false, false
	}
	a := s.arrival()
	if a == nil {
		f(s.owner(), s.engine.progress(), s.engine.counters())
		return true, false
	}
	if a.busy {
		return false, true
	}
	f(a.handler, a.stage.progress(), s.engine.counters())
	return true, false
}

// progress returns how far a session is that no longer arrives.
func (es *engineSession) progress() Progress {
	if es.state == lingering {
		return Closing
	}
	return Passing
}

func (st stage) progress() Progress {
	switch st {
	case connecting:
		return Connecting
	case draining:
		return Closing
	default:
		return Waiting
	}
}

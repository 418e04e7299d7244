// SPDX-License-Identifier: Apache-2.0

package relay

// engineExtra is what a session of the engine has only at times.
type engineExtra struct {
	arrival *arrival // while it arrives
	stalled *stalled
	pending [2]*pending // what has come from a side and the other side has not taken
	owner   Owner       // nil: the handler in early, or the session is embedded in its owner: see own
}

// arrival returns what a session has that arrives; nil: it does not, or not any more.
func (s *Session) arrival() *arrival { return s.extra().arrival }

// embeddingOwner is an owner that a session is embedded in.
type embeddingOwner interface {
	Owner
	watcher
	self() *Session
}

func (s *Session) self() *Session { return s }

// setOwner notes the owner of a session that has a slot. One that the session is embedded in
// takes the session's place in the slot, where it can be found: then it costs nothing.
func (s *Session) setOwner(o Owner) {
	if outer, ok := o.(embeddingOwner); ok && outer.self() == s {
		s.engine.shard().put(s.engine.slot, outer)
		return
	}
	s.extend().owner = o
}

// owner returns what own has noted.
func (s *Session) owner() Owner {
	if o := s.extra().owner; o != nil {
		return o
	}
	return s.engine.shard().at(s.engine.slot).(Owner)
}

// stalled is what a session knows beyond that when its time seems to be over, or a side
// takes no more. Most never have one.
type stalled struct {
	since      int64 // when a side began to take no more, or the session to linger
	graceUntil int64 // until when it is, though a time is over; 0: it is not
	left       int32 // how much a lingering session had to deliver when it was last looked at
	moved      int64 // when that was last less than before
}

// stall returns what is known of a session that is late, from now on.
func (s *Session) stall() *stalled {
	more := s.extend()
	if more.stalled == nil {
		more.stalled = new(stalled)
	}
	return more.stalled
}

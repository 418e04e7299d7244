// SPDX-License-Identifier: Apache-2.0

package relay

// engineExtra holds what a session of the engine needs only at times.
type engineExtra struct {
	arrival *arrival // while it arrives
	stalled *stalled
	pending [2]*pending // bytes from a side that the other side has not accepted
	owner   Owner       // nil: the handler in arrival, or the owner embeds the session: see setOwner
}

// arrival returns the state of an arriving session, or nil if the session does not arrive.
func (s *Session) arrival() *arrival { return s.extra().arrival }

// embeddingOwner is an owner that embeds its session.
type embeddingOwner interface {
	Owner
	watcher
	self() *Session
}

func (s *Session) self() *Session { return s }

// setOwner records the owner of a session that has a slot. An owner that embeds the session
// replaces the session in the slot, where owner finds it: so it needs no memory.
func (s *Session) setOwner(o Owner) {
	if outer, ok := o.(embeddingOwner); ok && outer.self() == s {
		s.engine.shard().put(s.engine.slot, outer)
		return
	}
	s.extend().owner = o
}

// owner returns the owner that setOwner recorded.
func (s *Session) owner() Owner {
	if o := s.extra().owner; o != nil {
		return o
	}
	return s.engine.shard().at(s.engine.slot).(Owner)
}

// stalled holds what a session needs when a timeout seems to have passed, or when a side accepts no
// more bytes. Most sessions never have one.
type stalled struct {
	since      int64 // when a connection broke, or the session began to linger
	graceUntil int64 // the session is spared until then, though a timeout has passed; 0: it is not
	left       int32 // bytes that a lingering session still had to deliver at the last check
	moved      int64 // when left last changed
}

// stall returns the session's stalled record, which it creates if needed.
func (s *Session) stall() *stalled {
	more := s.extend()
	if more.stalled == nil {
		more.stalled = new(stalled)
	}
	return more.stalled
}

// SPDX-License-Identifier: Apache-2.0

package relay

// unrest is what a session of the engine has only at times.
type unrest struct {
	early *early // while it arrives
	late  *late
	held  [2]*held // what has come from a side and the other side has not taken
	owner Owner    // nil: the handler in early, or the session is embedded in its owner: see own
}

// early returns what a session has that arrives; nil: it does not, or not any more.
func (s *Session) early() *early { return s.extra().early }

// embedding is an owner that a session is embedded in.
type embedding interface {
	Owner
	watcher
	self() *Session
}

func (s *Session) self() *Session { return s }

// own notes the owner of a session that has a slot. One that the session is embedded in
// takes the session's place in the slot, where it can be found: then it costs nothing.
func (s *Session) own(o Owner) {
	if outer, ok := o.(embedding); ok && outer.self() == s {
		s.parked.shard().put(s.parked.slot, outer)
		return
	}
	s.extend().owner = o
}

// owner returns what own has noted.
func (s *Session) owner() Owner {
	if o := s.extra().owner; o != nil {
		return o
	}
	return s.parked.shard().at(s.parked.slot).(Owner)
}

// late is what a session knows beyond that when its time seems to be over, or a side
// takes no more. Most never have one.
type late struct {
	since   int64 // when a side began to take no more, or the session to linger
	excused int64 // until when it is, though a time is over; 0: it is not
	left    int32 // how much a lingering session had to deliver when it was last looked at
	moved   int64 // when that was last less than before
}

// isLate returns what is known of a session that is late, from now on.
func (s *Session) isLate() *late {
	more := s.extend()
	if more.late == nil {
		more.late = new(late)
	}
	return more.late
}

// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"
	"math"
	"time"
)

// Learn changes an entry as Update does, but feeds do not yield its key: the change comes from
// another node and must not go back.
func (t *Table) Learn(b []byte, f func(Row)) bool { return t.LearnFor(b, math.MaxInt64, f) }

// LearnFor changes an entry as Learn does, but it expires after some time, unless that is longer
// than the time after which the table's entries expire.
func (t *Table) LearnFor(b []byte, left time.Duration, f func(Row)) bool {
	s, slot, now := t.takeKey(b)
	if slot == none {
		return false
	}
	defer s.mu.Unlock()
	s.touch(slot, now)
	if age := time.Duration(s.layout.expire)*time.Millisecond - left; s.layout.expire > 0 && age > 0 {
		s.age(slot, now-uint32(age.Milliseconds()))
	}
	t.keepSweeping()
	r := s.row(slot, now)
	r.slot = none
	f(r)
	return true
}

// agedPast is the most entries that one is moved past within a lock.
const agedPast = 256

// age moves an entry that was touched last to where it belongs in the list if it was touched at a
// time. If that is too far it is only moved a part of the way, and then expires later.
func (s *shard) age(slot, touched uint32) {
	if s.get(slot, usesAt) > 0 {
		return // it is not in the list
	}
	newer, older := none, s.get(slot, olderAt)
	for n := 0; older != none && int32(s.get(older, touchedAt)-touched) > 0; n++ {
		if n == agedPast {
			touched = s.get(older, touchedAt)
			break
		}
		newer, older = older, s.get(older, olderAt)
	}
	s.unlink(slot)
	s.linkBetween(slot, older, newer, touched)
}

// linkBetween puts an entry into the list; without a newer one, at its end.
func (s *shard) linkBetween(slot, older, newer, touched uint32) {
	if newer == none {
		s.link(slot, touched)
		return
	}
	e := s.entry(slot)
	binary.NativeEndian.PutUint32(e[touchedAt:], touched)
	binary.NativeEndian.PutUint32(e[olderAt:], older)
	binary.NativeEndian.PutUint32(e[newerAt:], newer)
	s.put(newer, olderAt, slot)
	if older != none {
		s.put(older, newerAt, slot)
		return
	}
	s.oldest = slot
	s.noteOldest()
}

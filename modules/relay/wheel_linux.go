// SPDX-License-Identifier: Apache-2.0

package relay

import "math/bits"

const (
	// tickBits make a tick: 2^23 ns, about 8 ms.
	tickBits = 23

	levels    = 4
	slotBits  = 6
	slotCount = 1 << slotBits
	farthest  = 1<<(levels*slotBits) - 1 // in ticks: about 39 hours
)

// tick is the tick in which a time lies.
func tick(ns int64) int64 { return ns >> tickBits }

// wheel holds timers of a precision that is the coarser the farther away they
// are, and that errs to the early side: whoever finds that it is too early sets
// the timer again. So nothing is to be done when a session's time moves away,
// with each byte, and setting, removing and firing cost the same for one timer
// and for a million.
type wheel struct {
	now   int64 // the tick up to which all has fired
	used  [levels]uint64
	slots [levels][slotCount]*Session
}

// timer is one place in a wheel.
type timer struct {
	prev, next *Session
	at         int64 // the tick that it is set to; 0: it is not set
	level      int8
	slot       int8
}

// set has the timer of a session fire at a tick, or earlier by a part of the time
// until then, unless it is set to an earlier one. It returns when that will be, or
// 0 if nothing changes.
func (w *wheel) set(s *Session, at int64) int64 {
	t := &s.parked.timer
	if t.at != 0 {
		if t.at <= at {
			return 0
		}
		w.remove(s)
	}
	t.at = min(max(at, w.now+1), w.now+farthest)
	level := (bits.Len64(uint64(t.at-w.now)) - 1) / slotBits
	start := t.at >> (level * slotBits)
	t.level, t.slot = int8(level), int8(start&(slotCount-1))
	head := &w.slots[t.level][t.slot]
	if t.prev, t.next = nil, *head; t.next != nil {
		t.next.parked.timer.prev = s
	}
	*head = s
	w.used[level] |= 1 << t.slot
	return start << (level * slotBits)
}

// remove has the timer of a session not fire.
func (w *wheel) remove(s *Session) {
	t := &s.parked.timer
	if t.at == 0 {
		return
	}
	if t.next != nil {
		t.next.parked.timer.prev = t.prev
	}
	if t.prev != nil {
		t.prev.parked.timer.next = t.next
	} else if w.slots[t.level][t.slot] = t.next; t.next == nil {
		w.used[t.level] &^= 1 << t.slot
	}
	t.prev, t.next, t.at = nil, nil, 0
}

func (w *wheel) empty() bool { return w.used == [levels]uint64{} }

// next is the tick at which something fires. The wheel must not be empty.
func (w *wheel) next() (first int64) {
	for level, used := range w.used {
		if used == 0 {
			continue
		}
		current := w.now >> (level * slotBits)
		ahead := bits.TrailingZeros64(bits.RotateLeft64(used, -int((current+1)&(slotCount-1))))
		at := (current + 1 + int64(ahead)) << (level * slotBits)
		if first == 0 || at < first {
			first = at
		}
	}
	return first
}

// advance removes the timers that have fired up to a tick and returns their
// sessions.
func (w *wheel) advance(to int64) (fired []*Session) {
	for !w.empty() {
		at := w.next()
		if at > to {
			break
		}
		w.now = at
		for level := range levels {
			if at&(1<<(level*slotBits)-1) != 0 {
				break
			}
			slot := at >> (level * slotBits) & (slotCount - 1)
			for s := w.slots[level][slot]; s != nil; s = w.slots[level][slot] {
				w.remove(s)
				fired = append(fired, s)
			}
		}
	}
	w.now = max(w.now, to)
	return fired
}

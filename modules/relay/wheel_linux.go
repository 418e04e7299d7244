// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// tickBits is the size of a tick: 2^23 ns, about 8 ms.
	tickBits = 23

	levels    = 4
	slotBits  = 6
	slotCount = 1 << slotBits
	maxTicks  = 1<<(levels*slotBits) - 1 // in ticks: about 39 hours
)

// tick returns the tick that a time lies in.
func tick(ns int64) int64 { return ns >> tickBits }

// wheel is a hierarchical timing wheel with a timer for each slot of a shard. The farther away a
// timer is, the coarser its precision, and it fires early rather than late: code that finds itself
// too early sets its timer again. So a session whose deadline moves, with each byte, does nothing,
// and setting, removing and firing cost the same for one timer and for a million. Timers refer to
// each other by their numbers: the garbage collector has nothing in them to follow.
type wheel struct {
	now      int64 // the tick up to which all timers have fired
	occupied [levels]uint64
	first    [levels][slotCount]int32 // of the timers in each place; 0: no timer
	timers   []timer                  // timer 0 stands for "no timer"
	memory   []byte                   // that holds timers; nil: they are on Go's heap
}

// timer is one timer of a wheel.
type timer struct {
	at         uint32 // the lower half of its tick
	prev, next int32
	level      int8 // 0: not set; else its level in the wheel plus one
	slot       int8
}

// add adds a timer.
func (w *wheel) add() {
	n := len(w.timers)
	if n < cap(w.timers) || w.grow() {
		w.timers = w.timers[:n+1]
		return
	}
	w.timers = append(w.timers, timer{})
	w.memory = nil // the mapping stays: the system has no memory, and this does not recur soon
}

// grow makes room outside of Go's heap, which would take twice the memory for it, and a copy each
// time. It reports whether the system had memory. A wheel lasts as long as the process.
func (w *wheel) grow() bool {
	const size, first = int(unsafe.Sizeof(timer{})), 256
	var memory []byte
	var err error
	n := max(2*cap(w.timers), first)
	if w.memory == nil {
		memory, err = unix.Mmap(-1, 0, n*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	} else {
		memory, err = unix.Mremap(w.memory, n*size, unix.MREMAP_MAYMOVE)
	}
	if err != nil {
		return false
	}
	timers := unsafe.Slice((*timer)(unsafe.Pointer(unsafe.SliceData(memory))), n) //nolint:gosec // it is aligned to a page
	if w.memory == nil {
		copy(timers, w.timers)
	}
	w.timers, w.memory = timers[:len(w.timers)], memory
	return true
}

// set sets a timer to fire at a tick, or earlier by a part of the time until then, unless it is set
// to an earlier one. It returns when it fires, or 0 if nothing changes.
func (w *wheel) set(i int32, at int64) int64 {
	at = min(max(at, w.now+1), w.now+maxTicks)
	t := &w.timers[i]
	if t.level != 0 {
		if int32(t.at-uint32(at)) <= 0 {
			return 0
		}
		w.remove(i)
	}
	level := (bits.Len64(uint64(at-w.now)) - 1) / slotBits
	start := at >> (level * slotBits)
	t.at, t.level, t.slot = uint32(at), int8(level+1), int8(start&(slotCount-1))
	head := &w.first[level][t.slot]
	if t.prev, t.next = 0, *head; t.next != 0 {
		w.timers[t.next].prev = i
	}
	*head = i
	w.occupied[level] |= 1 << t.slot
	return start << (level * slotBits)
}

// remove stops a timer.
func (w *wheel) remove(i int32) {
	t := &w.timers[i]
	if t.level == 0 {
		return
	}
	if t.next != 0 {
		w.timers[t.next].prev = t.prev
	}
	if t.prev != 0 {
		w.timers[t.prev].next = t.next
	} else if w.first[t.level-1][t.slot] = t.next; t.next == 0 {
		w.occupied[t.level-1] &^= 1 << t.slot
	}
	*t = timer{}
}

func (w *wheel) empty() bool { return w.occupied == [levels]uint64{} }

// next returns the tick at which the next timer fires. The wheel must not be empty.
func (w *wheel) next() (first int64) {
	for level, used := range w.occupied {
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

// advance stops the timers that fire up to a tick and returns them.
func (w *wheel) advance(to int64) (fired []int32) {
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
			for i := w.first[level][slot]; i != 0; i = w.first[level][slot] {
				w.remove(i)
				fired = append(fired, i)
			}
		}
	}
	w.now = max(w.now, to)
	return fired
}

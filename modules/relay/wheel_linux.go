// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// tickBits make a tick: 2^23 ns, about 8 ms.
	tickBits = 23

	levels    = 4
	slotBits  = 6
	slotCount = 1 << slotBits
	maxTicks  = 1<<(levels*slotBits) - 1 // in ticks: about 39 hours
)

// tick is the tick in which a time lies.
func tick(ns int64) int64 { return ns >> tickBits }

// wheel holds a timer for each slot of a shard. Their precision is the coarser the
// farther away they are, and errs to the early side: what finds that it is too early
// sets its timer again. So nothing is to be done when a session's time moves away, with
// each byte, and setting, removing and firing cost the same for one timer and for a
// million. Timers refer to each other by their numbers: there is nothing in them for the
// garbage collector to follow.
type wheel struct {
	now      int64 // the tick up to which all has fired
	occupied [levels]uint64
	first    [levels][slotCount]int32 // of the timers in each place; 0: there is none
	timers   []timer                  // timer 0 is none
	memory   []byte                   // that they are in; nil: it is of Go's heap
}

// timer is one place in a wheel.
type timer struct {
	at         uint32 // the lower half of the tick that it is set to
	prev, next int32
	level      int8 // 0: it is not set; else one more than its place in the wheel
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
	w.memory = nil // it stays mapped: there is no memory, and this does not happen again soon
}

// grow makes room outside of Go's heap, which would take twice the memory for it, and a
// copy each time. It reports whether there was some. A wheel lasts as long as the process.
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

// set sets a timer to fire at a tick, or earlier by a part of the time until then, unless
// it is set to an earlier one. It returns when that will be, or 0 if nothing changes.
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

// next is the tick at which something fires. The wheel must not be empty.
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

// advance stops the timers that have fired up to a tick and returns them.
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

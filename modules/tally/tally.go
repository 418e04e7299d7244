// SPDX-License-Identifier: Apache-2.0

// Package tally counts what very many short events did, for metrics: sums, histograms, and the most
// frequent of an unbounded set of names. A goroutine enters a lane, which is one of a few sets of
// counts with a lock of its own, and then counts with plain additions; the reader adds up the
// lanes. So goroutines that count at the same time seldom meet, and counting allocates nothing.
package tally

import (
	"runtime"
	"sync"
	"unsafe"
)

// maxLanes bounds the number of lanes, and so the memory of counts.
const maxLanes = 8

// Lane is one of the sets of counts. Its holder may use the parts of every Split that belong to it.
type Lane struct {
	mu sync.Mutex
	n  int
	_  [48]byte // another cache line than the next one's
}

// lanes are shared by all counts, so that one lock is enough for all that an event counts.
var lanes [maxLanes]Lane

func init() {
	for n := range lanes {
		lanes[n].n = n
	}
}

// used is the number of lanes in use, a power of two.
var used = func() int {
	n := 1
	for n < maxLanes && n < runtime.GOMAXPROCS(0) {
		n *= 2
	}
	return n
}()

// Enter returns a lane for the caller alone, until it leaves. In between it must do nothing but
// count: a lock that it takes must never be held by a caller of Enter or Split.Each. A goroutine
// gets the same lane as before, if it is free.
func Enter() *Lane {
	// The stack of a goroutine seldom moves.
	var here byte
	stack := uint64(uintptr(unsafe.Pointer(&here))) //nolint:gosec // only a number
	at := int(stack >> 11 * 0x9e3779b97f4a7c15 >> 40)
	for try := range used {
		if l := &lanes[(at+try)&(used-1)]; l.mu.TryLock() {
			return l
		}
	}
	l := &lanes[at&(used-1)]
	l.mu.Lock()
	return l
}

// Leave gives the lane back.
func (l *Lane) Leave() { l.mu.Unlock() }

// Split is a T for each lane. Its zero value is ready, as that of T must be.
type Split[T any] struct{ parts [maxLanes]*T }

// In returns the part of a lane that the caller has entered.
func (s *Split[T]) In(l *Lane) *T {
	p := s.parts[l.n]
	if p == nil {
		p = new(T)
		s.parts[l.n] = p
	}
	return p
}

// Each calls f with each part that has been used. It locks one lane at a time.
func (s *Split[T]) Each(f func(*T)) {
	for n := range used {
		l := &lanes[n]
		l.mu.Lock()
		if p := s.parts[n]; p != nil {
			f(p)
		}
		l.mu.Unlock()
	}
}

// Reset makes each part that has been used zero. It locks one lane at a time.
func (s *Split[T]) Reset() {
	s.Each(func(p *T) {
		var zero T
		*p = zero
	})
}

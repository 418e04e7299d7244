// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Feed yields the keys of entries that change. One that changes again before it is taken is yielded
// once, so a feed that is never read takes a bounded amount of memory. It is safe for concurrent
// use.
type Feed struct {
	table  *Table
	ready  chan struct{}
	queued atomic.Bool // a value was sent to ready since the last Take

	taking sync.Mutex
	next   int // the shard that Take begins with
}

// Watch returns a feed of the entries that are changed or touched from now on by Update, Touch,
// Track or a Ref. Close must be called when it is no longer used.
func (t *Table) Watch() *Feed { return t.WatchBy(make(chan struct{}, 1)) }

// WatchBy returns a feed whose Ready is the given channel, of size 1, which feeds of several tables
// may have in common.
func (t *Table) WatchBy(ready chan struct{}) *Feed {
	f := &Feed{table: t, ready: ready}
	for i := range t.shards {
		s := &t.shards[i]
		s.lock()
		s.marks = append(slices.Clone(s.marks), &marks{feed: f})
		s.mu.Unlock()
	}
	return f
}

// Ready returns a channel that receives a value when there is something to take.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

// Take returns at most limit keys, within each shard of the table the oldest change first. Entries
// that were dropped meanwhile are left out.
func (f *Feed) Take(limit int) (keys [][]byte) {
	f.taking.Lock()
	defer f.taking.Unlock()
	f.queued.Store(false)
	shards := f.table.shards
	for range shards {
		s := &shards[f.next%len(shards)]
		if keys = s.takeMarked(f, keys, limit); len(keys) >= limit {
			f.signal()
			return keys
		}
		f.next = (f.next + 1) % len(shards)
	}
	return keys
}

// Len returns the number of keys that Take would return, and of entries that were dropped
// meanwhile.
func (f *Feed) Len() (n int) {
	for i := range f.table.shards {
		s := &f.table.shards[i]
		s.lock()
		for _, m := range s.marks {
			if m.feed == f {
				n += len(m.queue) - m.first
			}
		}
		s.mu.Unlock()
	}
	return n
}

// Return puts keys into the feed again, whose entries could not be dealt with.
func (f *Feed) Return(keys [][]byte) {
	for _, b := range keys {
		k, ok := f.table.key(b)
		if !ok {
			continue
		}
		s := f.table.shardOf(k)
		s.lock()
		slot := s.find(k)
		for _, m := range s.marks {
			if slot != none && m.feed == f {
				m.add(slot)
			}
		}
		s.mu.Unlock()
	}
}

// signal sends a value to Ready, unless one was sent since the last Take.
func (f *Feed) signal() {
	if !f.queued.Swap(true) {
		select {
		case f.ready <- struct{}{}:
		default:
		}
	}
}

// Close ends the feed. It is idempotent.
func (f *Feed) Close() {
	for i := range f.table.shards {
		s := &f.table.shards[i]
		s.lock()
		s.marks = slices.DeleteFunc(slices.Clone(s.marks), func(m *marks) bool { return m.feed == f })
		s.mu.Unlock()
	}
}

// marks are the slots of a shard whose entries changed, for one feed.
type marks struct {
	feed   *Feed
	queue  []uint32 // from first on; each slot is in it once at most
	first  int
	marked []uint64 // a bit for each slot
}

// mark notes for all feeds that an entry changed.
func (s *shard) mark(slot uint32) {
	for _, m := range s.marks {
		m.add(slot)
	}
}

func (m *marks) add(slot uint32) {
	word, bit := int(slot>>6), uint64(1)<<(slot&63)
	if word >= len(m.marked) {
		m.marked = append(m.marked, make([]uint64, word+1-len(m.marked))...)
	}
	if m.marked[word]&bit != 0 {
		return
	}
	m.marked[word] |= bit
	if m.first > len(m.queue)/2 && len(m.queue) == cap(m.queue) {
		m.queue = m.queue[:copy(m.queue, m.queue[m.first:])]
		m.first = 0
	}
	m.queue = append(m.queue, slot)
	m.feed.signal()
}

// take returns the slot that was marked first, or none.
func (m *marks) take() uint32 {
	if m.first == len(m.queue) {
		m.queue, m.first = nil, 0
		return none
	}
	slot := m.queue[m.first]
	m.first++
	m.marked[slot>>6] &^= 1 << (slot & 63)
	return slot
}

// takeMarked appends keys of marked entries until there are limit.
func (s *shard) takeMarked(f *Feed, keys [][]byte, limit int) [][]byte {
	now := s.lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.marks, func(m *marks) bool { return m.feed == f })
	for i >= 0 && len(keys) < limit {
		slot := s.marks[i].take()
		if slot == none {
			break
		}
		if slot < s.next && s.get(slot, usesAt) != unused && !s.isExpired(slot, now) {
			keys = append(keys, slices.Clone(s.row(slot, now).Key()))
		}
	}
	return keys
}

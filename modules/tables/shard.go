// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// shard is a part of a table, with the entries whose hashes fall into it. Entries that are not held
// are in a list in the order in which they were touched: it is the order in which they expire and
// are purged.
type shard struct {
	table *Table // kept alive by users of the shard: it frees the memory of the slabs
	mu    sync.Mutex
	*slabs
	clock          uint32   // the latest time that was seen
	count          int      // entries
	oldest, newest uint32   // of the list
	marks          []*marks // of the feeds; none, as a rule

	// expiry is when the oldest one was touched, with listed set; 0: the list is empty. It is read
	// without the lock.
	expiry atomic.Uint64
	_      [64]byte // shards are in different cache lines
}

// listed is the bit of shard.expiry that tells that there is an entry.
const listed = 1 << 32

// shardOf returns the shard of a key.
func (t *Table) shardOf(k key) *shard { return &t.shards[int(k.hash>>40)&(len(t.shards)-1)] }

func (s *shard) init(t *Table, empty *slabs) {
	s.table, s.slabs, s.oldest, s.newest = t, empty, none, none
}

// lock locks the shard and returns the time. Within a shard it never goes back.
func (s *shard) lock() uint32 {
	now := s.table.now()
	s.mu.Lock()
	s.layout = s.table.current.Load()
	if int32(now-s.clock) < 0 {
		return s.clock
	}
	s.clock = now
	return now
}

// get returns one of the numbers that an entry begins with.
func (s *shard) get(slot uint32, at int) uint32 {
	return binary.NativeEndian.Uint32(s.entry(slot)[at:])
}

func (s *shard) put(slot uint32, at int, v uint32) {
	binary.NativeEndian.PutUint32(s.entry(slot)[at:], v)
}

// use returns the entry of the key, or none. It drops one that has expired.
func (s *shard) use(k key, now uint32) uint32 {
	slot := s.find(k)
	if slot == none || !s.isExpired(slot, now) {
		return slot
	}
	s.drop(slot)
	return none
}

// create adds an entry for the key.
func (s *shard) create(k key, now uint32) uint32 {
	slot := s.allocate()
	e := s.entry(slot)
	clear(e)
	s.layout.setKey(e, k.bytes)
	s.insert(slot, k.hash, s.count)
	s.count++
	s.link(slot, now)
	return slot
}

// drop removes an entry that is not held.
func (s *shard) drop(slot uint32) {
	s.table.used.Add(-1)
	s.unlink(slot)
	s.remove(slot)
	s.give(slot)
	if s.count--; s.count == 0 && len(s.slabs.slabs) > 1 {
		emptied := *s.slabs
		*s.slabs = slabs{layout: s.layout, freed: none}
		go emptied.release() // takes too long for a lock
	}
}

// touch makes an entry the last to expire.
func (s *shard) touch(slot, now uint32) {
	if s.get(slot, usesAt) > 0 {
		s.put(slot, touchedAt, now)
		return
	}
	if slot != s.newest {
		s.unlink(slot)
		s.link(slot, now)
		return
	}
	s.put(slot, touchedAt, now)
	s.noteOldest()
}

// link appends an entry to the list.
func (s *shard) link(slot, now uint32) {
	e := s.entry(slot)
	binary.NativeEndian.PutUint32(e[touchedAt:], now)
	binary.NativeEndian.PutUint32(e[olderAt:], s.newest)
	binary.NativeEndian.PutUint32(e[newerAt:], none)
	if s.newest == none {
		s.oldest = slot
	} else {
		s.put(s.newest, newerAt, slot)
	}
	if s.newest = slot; s.oldest == slot {
		s.noteOldest()
	}
}

// unlink takes an entry out of the list.
func (s *shard) unlink(slot uint32) {
	older, newer := s.get(slot, olderAt), s.get(slot, newerAt)
	if newer == none {
		s.newest = older
	} else {
		s.put(newer, olderAt, older)
	}
	if older == none {
		s.oldest = newer
		s.noteOldest()
	} else {
		s.put(older, newerAt, newer)
	}
}

// noteOldest records when the oldest entry was touched.
func (s *shard) noteOldest() {
	if s.oldest == none {
		s.expiry.Store(0)
		return
	}
	s.expiry.Store(listed | uint64(s.get(s.oldest, touchedAt)))
}

// isExpired reports whether an entry has expired.
func (s *shard) isExpired(slot, now uint32) bool {
	e := s.entry(slot)
	return s.layout.expire > 0 && binary.NativeEndian.Uint32(e[usesAt:]) == 0 &&
		now-binary.NativeEndian.Uint32(e[touchedAt:]) >= s.layout.expire
}

// row returns the entry, for use within the lock.
func (s *shard) row(slot, now uint32) Row {
	return Row{shard: s, layout: s.layout, entry: s.entry(slot), now: now, slot: slot}
}

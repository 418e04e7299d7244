// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Table is a stick table. It is safe for concurrent use. The functions given to its methods get the
// entry locked: they must be short, and must not use the table.
type Table struct {
	started  time.Time // times are milliseconds since then, modulo 2^32
	current  atomic.Pointer[layout]
	shards   []shard
	used     atomic.Int64 // entries, and room kept for new ones
	sweeping atomic.Bool  // a timer is set that frees expired entries
	servers  dictionary
	others   atomic.Pointer[[]*Table] // see AddOthers; nil: none

	reconfiguring sync.Mutex
}

// perShard is the least number of entries that a shard has room for, unless the table is smaller.
const perShard = 1024

// New returns an empty table. Its memory is freed when the table is no longer referenced.
func New(c Config) *Table {
	count := 1
	for count < 8*runtime.GOMAXPROCS(0) && count < 256 && c.Size/(2*count) >= perShard {
		count *= 2
	}
	return newTable(c, count)
}

// newTable returns a table with a number of shards, a power of 2.
func newTable(c Config, count int) *Table {
	t := &Table{started: time.Now(), shards: make([]shard, count)}
	l := newLayout(c)
	t.current.Store(l)
	memory := make([]*slabs, count)
	for i := range t.shards {
		memory[i] = newSlabs(l)
		t.shards[i].init(t, memory[i])
	}
	runtime.AddCleanup(t, freeSlabs, memory)
	return t
}

// Config returns what the table is like.
func (t *Table) Config() Config { return t.current.Load().config }

// now returns the time.
func (t *Table) now() uint32 { return uint32(time.Since(t.started).Milliseconds()) }

// Len returns the number of entries. Of very many that expire at once, some still count.
func (t *Table) Len() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		now := s.lock()
		s.dropExpired(now, sweepBatch)
		n += s.count
		s.mu.Unlock()
	}
	return n
}

// View calls the function with the entry of the key, and reports whether there is one. It neither
// creates nor touches it.
func (t *Table) View(b []byte, f func(Row)) bool {
	return t.look(b, f, false)
}

// Touch calls the function as View does, and touches the entry.
func (t *Table) Touch(b []byte, f func(Row)) bool { return t.look(b, f, true) }

func (t *Table) look(b []byte, f func(Row), touches bool) bool {
	k, ok := t.key(b)
	if !ok {
		return false
	}
	s := t.shardOf(k)
	now := s.lock()
	defer s.mu.Unlock()
	slot := s.find(k)
	if slot == none || s.isExpired(slot, now) {
		return false
	}
	if touches {
		s.touch(slot, now)
		s.mark(slot)
	}
	f(s.row(slot, now))
	return true
}

// Update calls the function with the entry of the key, which it creates if necessary and touches.
// It is false if the table is full, or if the key is not of the table's type.
func (t *Table) Update(b []byte, f func(Row)) bool {
	s, slot, now := t.takeKey(b)
	if slot == none {
		return false
	}
	defer s.mu.Unlock()
	s.touch(slot, now)
	s.mark(slot)
	t.keepSweeping()
	f(s.row(slot, now))
	return true
}

// takeKey returns what take does, or the constant none if the key is not of the table's type.
func (t *Table) takeKey(b []byte) (s *shard, slot, now uint32) {
	k, ok := t.key(b)
	if !ok {
		return nil, none, 0
	}
	return t.take(k)
}

// take returns the slot of the key's entry, which it creates if necessary, and its shard, locked.
// If the table is full, it returns the constant none, and no shard is locked.
func (t *Table) take(k key) (s *shard, slot, now uint32) {
	s = t.shardOf(k)
	now = s.lock()
	if slot = s.use(k, now); slot != none {
		return s, slot, now
	}
	s.dropExpired(now, operationBatch)
	if t.used.Add(1) > int64(s.layout.config.Size) {
		s.mu.Unlock()
		if !t.makeRoom() {
			t.used.Add(-1)
			return nil, none, now
		}
		now = s.lock()
		if slot = s.use(k, now); slot != none { // created meanwhile
			t.used.Add(-1)
			return s, slot, now
		}
	}
	return s, s.create(k, now), now
}

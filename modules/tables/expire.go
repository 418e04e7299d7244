// SPDX-License-Identifier: Apache-2.0

package tables

import "time"

const (
	operationBatch = 2   // expired entries that an operation frees on its way
	sweepBatch     = 128 // those that are freed within one lock
	sweepPause     = 10 * time.Millisecond

	// future is the number of milliseconds by which shards may be ahead of a clock that was read
	// before theirs.
	future = 60_000
)

// dropExpired drops expired entries of the locked shard, at most n, and reports whether there are
// none left.
func (s *shard) dropExpired(now uint32, n int) bool {
	for ; n > 0; n-- {
		if s.oldest == none || !s.isExpired(s.oldest, now) {
			return true
		}
		s.drop(s.oldest)
	}
	return false
}

// makeRoom drops the entries that were not touched for the longest time until there is room for one
// that is already counted, and reports whether there is. A table that does not purge loses only
// expired ones.
func (t *Table) makeRoom() bool {
	for t.used.Load() > int64(t.current.Load().config.Size) {
		if !t.dropOldest() {
			return false
		}
	}
	return true
}

// dropOldest drops the oldest entry of all shards.
func (t *Table) dropOldest() bool {
	for range len(t.shards) + 1 { // others may be faster
		s := t.shardOfOldest()
		if s == nil {
			return false
		}
		now := s.lock()
		c := s.layout.config
		dropped := s.oldest != none && (!c.NoPurge || s.isExpired(s.oldest, now))
		if dropped {
			s.drop(s.oldest)
		}
		s.mu.Unlock()
		if dropped || c.NoPurge {
			return dropped
		}
	}
	return false
}

// shardOfOldest returns the shard whose oldest entry is the oldest of all, or nil.
func (t *Table) shardOfOldest() *shard {
	now := t.now() + future
	var oldest *shard
	var age uint32
	for i := range t.shards {
		s := &t.shards[i]
		touched := s.expiry.Load()
		if touched == 0 {
			continue
		}
		if a := now - uint32(touched); oldest == nil || a > age {
			oldest, age = s, a
		}
	}
	return oldest
}

// keepSweeping sets the timer that frees expired entries, if none is set.
func (t *Table) keepSweeping() {
	if t.current.Load().expire > 0 && !t.sweeping.Load() && t.sweeping.CompareAndSwap(false, true) {
		time.AfterFunc(t.untilExpiry(), t.sweep)
	}
}

// sweep drops the entries that have expired, and sets the timer again if there are others.
func (t *Table) sweep() {
	t.dropAllExpired()
	t.sweeping.Store(false)
	if t.shardOfOldest() != nil {
		t.keepSweeping()
	}
}

func (t *Table) dropAllExpired() {
	for i := range t.shards {
		for s, done := &t.shards[i], false; !done; {
			now := s.lock()
			done = s.dropExpired(now, sweepBatch)
			s.mu.Unlock()
		}
	}
}

// untilExpiry returns the time until the next entry expires, and a pause at least.
func (t *Table) untilExpiry() time.Duration {
	expire, now := t.current.Load().expire, t.now()
	left := expire
	if s := t.shardOfOldest(); s != nil {
		left = expire - min(now-uint32(s.expiry.Load()), expire)
	}
	return max(time.Duration(left)*time.Millisecond, sweepPause)
}

// SPDX-License-Identifier: Apache-2.0

package tables

// Ref is a held entry, which neither expires nor is purged. It stays valid when the table is
// configured anew. The zero Ref holds no entry.
type Ref struct {
	shard *shard
	slot  uint32
}

// Track returns the entry of the key, which it creates if necessary, touches and holds. It is
// false if the table is full, or if the key is not of the table's type. The caller must release the
// entry, once.
func (t *Table) Track(b []byte) (Ref, bool) {
	s, slot, now := t.takeKey(b)
	if slot == none {
		return Ref{}, false
	}
	defer s.mu.Unlock()
	uses := s.get(slot, usesAt)
	if uses == 0 {
		s.unlink(slot)
	}
	s.put(slot, usesAt, uses+1)
	s.put(slot, touchedAt, now)
	s.mark(slot)
	return Ref{s, slot}, true
}

// IsZero reports whether it holds no entry.
func (r Ref) IsZero() bool { return r.shard == nil }

// Table returns the entry's table, or nil.
func (r Ref) Table() *Table {
	if r.IsZero() {
		return nil
	}
	return r.shard.table
}

// Do calls the function with the entry. The zero Ref does nothing.
func (r Ref) Do(f func(Row)) {
	if r.IsZero() {
		return
	}
	s := r.shard
	now := s.lock()
	defer s.mu.Unlock()
	f(s.row(r.slot, now))
}

// Release touches the entry and holds it no longer.
func (r Ref) Release() {
	if r.IsZero() {
		return
	}
	s := r.shard
	now := s.lock()
	defer s.mu.Unlock()
	s.mark(r.slot)
	uses := s.get(r.slot, usesAt) - 1
	s.put(r.slot, usesAt, uses)
	if uses > 0 {
		s.put(r.slot, touchedAt, now)
		return
	}
	s.link(r.slot, now)
	s.table.keepSweeping()
}

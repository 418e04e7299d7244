// SPDX-License-Identifier: Apache-2.0

package tables

import "iter"

// All yields the entries, in no order. It copies a few at a time, so that no lock is held while the
// caller looks at them: an entry that is created or dropped meanwhile may be yielded or not.
func (t *Table) All() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for i := range t.shards {
			for from := uint32(0); ; from += slabEntries {
				rows, more := t.shards[i].copySlab(from)
				for _, r := range rows {
					if !yield(r) {
						return
					}
				}
				if !more {
					break
				}
			}
		}
	}
}

// copySlab returns copies of a slab's entries, and whether there are others after it.
func (s *shard) copySlab(from uint32) (rows []Row, more bool) {
	now := s.lock()
	defer s.mu.Unlock()
	if from >= s.next {
		return nil, false
	}
	var copies []byte
	for slot := from; slot < min(from+slabEntries, s.next); slot++ {
		if s.get(slot, usesAt) == unused || s.isExpired(slot, now) {
			continue
		}
		r := s.row(slot, now)
		start := len(copies)
		copies = append(copies, r.entry...)
		r.entry, r.slot = copies[start:], none
		rows = append(rows, r)
	}
	return rows, from+slabEntries < s.next
}

// Clear drops the entry of the key, and reports whether it did. One that is held stays as it is, as
// in HAProxy.
func (t *Table) Clear(b []byte) bool {
	k, ok := t.key(b)
	if !ok {
		return false
	}
	s := t.shardOf(k)
	now := s.lock()
	defer s.mu.Unlock()
	slot := s.use(k, now)
	if slot == none || s.get(slot, usesAt) > 0 {
		return false
	}
	s.drop(slot)
	return true
}

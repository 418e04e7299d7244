// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"

	"github.com/caddy-passthrough/caddy-passthrough/modules/offheap"
)

// Reconfigure changes what the table is like, and keeps its entries: the values that are still
// stored (a rate of another period begins anew), and of too many entries those that were touched
// last. Keys may become longer, and IP may
// become IPv6; otherwise the table stays as it is, and the result is false. Refs stay valid.
func (t *Table) Reconfigure(c Config) bool {
	t.reconfiguring.Lock()
	defer t.reconfiguring.Unlock()
	now := t.current.Load()
	next := newLayout(c)
	if !now.convertsTo(next) {
		return false
	}
	t.dropAllExpired() // they must not live again if entries now expire later
	t.current.Store(next)
	for i := range t.shards {
		t.shards[i].convertAll()
	}
	for t.used.Load() > int64(c.Size) && t.purge() {
	}
	t.keepSweeping()
	return true
}

// convertsTo reports whether all keys of a table are keys of another one.
func (l *layout) convertsTo(next *layout) bool {
	from, to := l.config.Type, next.config.Type
	return from == to && l.keyLength <= next.keyLength || from == IP && to == IPv6
}

// convertAll converts all slabs, with a lock for each.
func (s *shard) convertAll() {
	for from := uint32(0); ; from += slabEntries {
		s.lock()
		more := from < s.next
		if more {
			s.entry(from)
		}
		s.mu.Unlock()
		if !more {
			return
		}
	}
}

// purge drops the oldest entry of a table that is too small, even if it does not purge for others.
func (t *Table) purge() bool {
	s := t.shardOfOldest()
	if s == nil {
		return false
	}
	s.lock()
	defer s.mu.Unlock()
	if s.oldest != none {
		s.drop(s.oldest)
	}
	return true
}

// convert gives the slab's entries another layout.
func (in *slab) convert(to *layout) {
	from := in.layout
	if from.size == to.size && from.sameFields(to) {
		in.layout = to
		return
	}
	memory := offheap.Allocate(slabEntries * to.size)
	for i := range slabEntries {
		to.copyEntry(memory.Bytes[i*to.size:(i+1)*to.size], from, in.memory.Bytes[i*from.size:(i+1)*from.size])
	}
	in.memory.Free()
	in.layout, in.memory = to, memory
}

// sameFields reports whether entries need not change.
func (l *layout) sameFields(other *layout) bool {
	return l.config.Type == other.config.Type && l.keyLength == other.keyLength && l.fields == other.fields
}

// copyEntry writes an entry of another layout in this one.
func (l *layout) copyEntry(to []byte, from *layout, entry []byte) {
	copy(to, entry[:keyAt])
	if binary.NativeEndian.Uint32(entry[usesAt:]) == unused {
		return
	}
	b, _ := from.canonical(from.key(entry))
	l.setKey(to, b)
	l.copyValues(to, from, entry)
}

// copyValues writes the values of an entry of another layout in this one.
func (l *layout) copyValues(to []byte, from *layout, entry []byte) {
	for d, f := range l.fields {
		if old := from.fields[d]; f.size > 0 && f.size == old.size && f.period == old.period {
			n := f.size * min(f.count, old.count)
			copy(to[f.at:f.at+n], entry[old.at:])
		}
	}
}

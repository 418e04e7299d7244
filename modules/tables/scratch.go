// SPDX-License-Identifier: Apache-2.0

package tables

// Scratch returns a table like this one that has a copy of the key's entry, if there is one, and no
// other. Its changes do not affect this table. Its Refs need not be released.
func (t *Table) Scratch(b []byte) *Table {
	scratch := newTable(t.Config(), 1)
	scratch.started = t.started
	t.View(b, func(from Row) {
		k, ok := scratch.key(b)
		if !ok {
			return
		}
		s, slot, now := scratch.take(k)
		if slot == none {
			return
		}
		defer s.mu.Unlock()
		to := s.row(slot, now)
		to.layout.copyValues(to.entry, from.layout, from.entry)
		to.SetServer(from.Server())
	})
	return scratch
}

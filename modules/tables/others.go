// SPDX-License-Identifier: Apache-2.0

package tables

// AddOthers makes Row.Get add what the entries of the same keys have in other tables, which are
// those of other nodes: their counts and rates, not their tags and servers. The other tables must
// not have others themselves. It replaces those of an earlier call; nil: none.
func (t *Table) AddOthers(others []*Table) {
	if len(others) == 0 {
		t.others.Store(nil)
		return
	}
	t.others.Store(&others)
}

// isSum reports whether the values of nodes make a sum.
func (d Data) isSum() bool { return d != Server && d != GPT0 && d != GPT }

// ofOthers returns the sum of a value in the other tables.
func (r Row) ofOthers(d Data, i int) (sum int64) {
	others := r.shard.table.others.Load()
	if others == nil || !d.isSum() {
		return 0
	}
	for _, t := range *others {
		t.View(r.Key(), func(other Row) {
			n, _ := other.Own(d, i)
			sum += n
		})
	}
	return sum
}

// Canonical returns the bytes by which a key is found, which are the same in all tables that can
// have it, and whether it is of the table's type. They may be a part of b.
func (t *Table) Canonical(b []byte) ([]byte, bool) { return t.current.Load().canonical(b) }

// SPDX-License-Identifier: Apache-2.0

package tables

// Touch calls the function with the entry of the key and touches the entry. It creates none, and
// reports whether there is one.
func (t *Table) Touch(b []byte, f func(Row)) bool {
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
	s.touch(slot, now)
	f(s.row(slot, now))
	return true
}

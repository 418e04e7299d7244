// SPDX-License-Identifier: Apache-2.0

package clienthello

import "sync"

// A typeSet is a set of extension types. It is a bitmap, so that the cost of an extension does not
// grow with their number.
type typeSet struct {
	bits  [1 << 16 / 64]uint64
	first [32]uint16 // the first types added: release clears them one by one if there are no others
	added int
}

var typeSets = sync.Pool{New: func() any { return new(typeSet) }}

func newTypeSet() *typeSet {
	return typeSets.Get().(*typeSet)
}

// add adds a type, and reports whether it was new to the set.
func (s *typeSet) add(kind uint16) (fresh bool) {
	word, bit := &s.bits[kind>>6], uint64(1)<<(kind&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	if s.added < len(s.first) {
		s.first[s.added] = kind
	}
	s.added++
	return true
}

// release empties the set and returns it to the pool.
func (s *typeSet) release() {
	if s.added > len(s.first) {
		clear(s.bits[:])
	} else {
		for _, kind := range s.first[:s.added] {
			s.bits[kind>>6] = 0
		}
	}
	s.added = 0
	typeSets.Put(s)
}

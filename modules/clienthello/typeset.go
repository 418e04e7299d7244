// SPDX-License-Identifier: Apache-2.0

package clienthello

import "sync"

// A typeSet holds extension types. It has a bit for each, so that a hello with thousands of
// extensions costs no more for each of them than one with few.
type typeSet struct {
	bits  [1 << 16 / 64]uint64
	first [32]uint16 // what was added first, to be taken out one by one where that is all
	added int
}

var typeSets = sync.Pool{New: func() any { return new(typeSet) }}

func newTypeSet() *typeSet {
	return typeSets.Get().(*typeSet)
}

// add tells whether the type was not in the set.
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

// release empties the set and gives it back.
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

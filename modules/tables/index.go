// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"
	"math/bits"

	"github.com/caddy-passthrough/caddy-passthrough/modules/offheap"
)

// The index grows by a bucket with each entry (linear hashing), so that no insertion has to move
// more than the entries of one bucket.

// find returns the slot of the key, or none.
func (s *slabs) find(k key) uint32 {
	if s.buckets == 0 {
		return none
	}
	for slot := s.first(s.bucket(k.hash)); slot != none; {
		e := s.entry(slot)
		if s.layout.hasKey(e, k.bytes) {
			return slot
		}
		slot = binary.NativeEndian.Uint32(e[chainAt:])
	}
	return none
}

// insert adds an entry, whose key is set, to the index of count other ones.
func (s *slabs) insert(slot uint32, hash uint64, count int) {
	if count >= int(s.buckets) {
		s.addBucket()
	}
	s.push(s.bucket(hash), slot)
}

// remove takes an entry out of the index.
func (s *slabs) remove(slot uint32) {
	bucket := s.bucket(s.layout.hash(s.entry(slot)))
	next := binary.NativeEndian.Uint32(s.entry(slot)[chainAt:])
	at := s.first(bucket)
	if at == slot {
		s.setFirst(bucket, next)
		return
	}
	for at != none {
		chain := s.entry(at)[chainAt:]
		if at = binary.NativeEndian.Uint32(chain); at == slot {
			binary.NativeEndian.PutUint32(chain, next)
			return
		}
	}
}

// bucket returns the bucket of a hash.
func (s *slabs) bucket(hash uint64) uint32 {
	mask := uint32(1)<<bits.Len32(s.buckets-1) - 1
	if b := uint32(hash) & mask; b < s.buckets {
		return b
	}
	return uint32(hash) & (mask >> 1)
}

// addBucket adds a bucket, and moves those entries to it that were in another one for want of it.
func (s *slabs) addBucket() {
	added := s.buckets
	if int(added>>headShift) == len(s.heads) {
		s.heads = append(s.heads, offheap.Allocate(4<<headShift))
	}
	s.buckets++
	if added == 0 {
		return
	}
	split := added - 1<<(bits.Len32(added)-1)
	slot := s.first(split)
	s.setFirst(split, none)
	for slot != none {
		e := s.entry(slot)
		next := binary.NativeEndian.Uint32(e[chainAt:])
		s.push(s.bucket(s.layout.hash(e)), slot)
		slot = next
	}
}

// push makes an entry the first of its bucket.
func (s *slabs) push(bucket, slot uint32) {
	binary.NativeEndian.PutUint32(s.entry(slot)[chainAt:], s.first(bucket))
	s.setFirst(bucket, slot)
}

// first returns the slot of a bucket's first entry, or none: 0 in memory that was never written.
func (s *slabs) first(bucket uint32) uint32 { return binary.NativeEndian.Uint32(s.head(bucket)) - 1 }

func (s *slabs) setFirst(bucket, slot uint32) {
	binary.NativeEndian.PutUint32(s.head(bucket), slot+1)
}

// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"

	"github.com/caddy-passthrough/caddy-passthrough/modules/offheap"
)

// none is no slot.
const none = ^uint32(0)

const (
	slabShift   = 9              // of the number of entries in a slab
	slabEntries = 1 << slabShift // few enough to be converted within a lock
	headShift   = 12             // of the number of buckets in a piece of an index
)

// slabs holds the entries of a shard, by slot, and the index of their keys. Memory is added in
// pieces, and freed when the shard is empty.
type slabs struct {
	layout  *layout // of new slabs
	slabs   []slab
	next    uint32 // the first slot that was never used
	freed   uint32 // the first of the slots that were freed
	heads   []offheap.Memory
	buckets uint32
}

// slab is memory for entries of one layout.
type slab struct {
	layout *layout
	memory offheap.Memory
}

func newSlabs(l *layout) *slabs { return &slabs{layout: l, freed: none} }

func freeSlabs(all []*slabs) {
	for _, s := range all {
		s.release()
	}
}

// release frees all memory.
func (s *slabs) release() {
	for _, each := range s.slabs {
		each.memory.Free()
	}
	for _, each := range s.heads {
		each.Free()
	}
	*s = slabs{layout: s.layout, freed: none}
}

// entry returns the bytes of a slot. It first converts the slab to the current layout.
func (s *slabs) entry(slot uint32) []byte {
	in := &s.slabs[slot>>slabShift]
	if in.layout != s.layout {
		in.convert(s.layout)
	}
	at := int(slot&(slabEntries-1)) * s.layout.size
	return in.memory.Bytes[at : at+s.layout.size : at+s.layout.size]
}

// allocate returns a slot without an entry.
func (s *slabs) allocate() uint32 {
	if slot := s.freed; slot != none {
		s.freed = binary.NativeEndian.Uint32(s.entry(slot)[chainAt:])
		return slot
	}
	if int(s.next>>slabShift) == len(s.slabs) {
		s.slabs = append(s.slabs, slab{s.layout, offheap.Allocate(slabEntries * s.layout.size)})
	}
	s.next++
	return s.next - 1
}

// give takes a slot back.
func (s *slabs) give(slot uint32) {
	e := s.entry(slot)
	binary.NativeEndian.PutUint32(e[usesAt:], unused)
	binary.NativeEndian.PutUint32(e[chainAt:], s.freed)
	s.freed = slot
}

// head returns the bytes of a bucket, which hold one more than the slot of its first entry.
func (s *slabs) head(bucket uint32) []byte {
	at := bucket & (1<<headShift - 1) * 4
	return s.heads[bucket>>headShift].Bytes[at : at+4]
}

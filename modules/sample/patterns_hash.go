// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"sync/atomic"
)

// A patternHash is a hash table of patterns. Readers take no locks while one writer changes it, so
// an edit of a large file costs no more than one of a small one.
type patternHash struct {
	seed    maphash.Seed
	buckets atomic.Pointer[[]atomic.Pointer[patternNode]] // their number is a power of 2

	// The writer's:
	nodes int
	equal map[*patternNode][]*Pattern // the second and further patterns of a key, in order
}

// A patternNode holds the first of the patterns with equal keys.
type patternNode struct {
	hash  uint64
	key   []byte
	first atomic.Pointer[Pattern]
	next  atomic.Pointer[patternNode] // in the same bucket
}

// mostPerBucket is the mean length of the buckets' lists at which the number of buckets grows.
const mostPerBucket = 4

func newPatternHash() *patternHash {
	h := &patternHash{seed: maphash.MakeSeed(), equal: make(map[*patternNode][]*Pattern)}
	h.buckets.Store(new(make([]atomic.Pointer[patternNode], 1)))
	return h
}

// find returns the first pattern with this key, or nil.
func (h *patternHash) find(key []byte) *Pattern {
	hash := maphash.Bytes(h.seed, key)
	buckets := *h.buckets.Load()
	for n := buckets[hash&uint64(len(buckets)-1)].Load(); n != nil; n = n.next.Load() {
		if n.hash == hash && string(n.key) == string(key) {
			return n.first.Load()
		}
	}
	return nil
}

// reserve makes room for further patterns.
func (h *patternHash) reserve(n int) {
	if n += h.nodes; n <= mostPerBucket*len(*h.buckets.Load()) {
		return
	}
	old := *h.buckets.Load()
	buckets := make([]atomic.Pointer[patternNode], 1<<bits.Len(uint(n)))
	for i := range old {
		for n := old[i].Load(); n != nil; n = n.next.Load() {
			// Readers may be at the node, so it stays in its list.
			c := &patternNode{hash: n.hash, key: n.key}
			c.first.Store(n.first.Load())
			if equal := h.equal[n]; equal != nil {
				delete(h.equal, n)
				h.equal[c] = equal
			}
			prepend(buckets, c)
		}
	}
	h.buckets.Store(&buckets)
}

func prepend(buckets []atomic.Pointer[patternNode], n *patternNode) {
	bucket := &buckets[n.hash&uint64(len(buckets)-1)]
	n.next.Store(bucket.Load())
	bucket.Store(n)
}

// add adds a pattern after those with the same key, and reports whether it is the first.
func (h *patternHash) add(key []byte, p *Pattern) (first bool) {
	hash := maphash.Bytes(h.seed, key)
	if n := h.place(hash, key).Load(); n != nil {
		h.equal[n] = append(h.equal[n], p)
		return false
	}
	h.reserve(1)
	n := &patternNode{hash: hash, key: key}
	n.first.Store(p)
	prepend(*h.buckets.Load(), n)
	h.nodes++
	return true
}

// place returns the pointer to the node of a key, or else to the end of the list.
func (h *patternHash) place(hash uint64, key []byte) *atomic.Pointer[patternNode] {
	buckets := *h.buckets.Load()
	at := &buckets[hash&uint64(len(buckets)-1)]
	for n := at.Load(); n != nil; n = at.Load() {
		if n.hash == hash && string(n.key) == string(key) {
			break
		}
		at = &n.next
	}
	return at
}

// remove removes the patterns of a key that are gone. It returns the first of those that are left,
// or nil, and whether there were any.
func (h *patternHash) remove(key []byte) (left *Pattern, found bool) {
	at := h.place(maphash.Bytes(h.seed, key), key)
	n := at.Load()
	if n == nil {
		return nil, false
	}
	all := slices.DeleteFunc(append([]*Pattern{n.first.Load()}, h.equal[n]...), func(p *Pattern) bool { return p.gone })
	delete(h.equal, n)
	if len(all) == 0 {
		at.Store(n.next.Load())
		h.nodes--
		return nil, true
	}
	n.first.Store(all[0])
	if len(all) > 1 {
		h.equal[n] = all[1:]
	}
	return all[0], true
}

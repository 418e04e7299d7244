// SPDX-License-Identifier: Apache-2.0

// Package offheap stores bytes outside of Go's heap. A heap takes up to twice the memory in use
// (GOGC=100), even for bytes that live long; here a byte counts once, and the garbage collector
// does not look at it. So it is for bytes that very many idle objects keep. The owner of each value
// must free it, once. The memory comes from the system in chunks of blocks of one size; a chunk
// goes back when its last block is freed. Large values, and all values on systems without mmap, are
// on the heap.
package offheap

import (
	"encoding/binary"
	"math"
	"sync"
)

const (
	// sizeStep is the unit that sizes are rounded up to.
	sizeStep = 16
	// largest is the size up to which values share chunks.
	largest = 512
	// chunkBytes is the size of a chunk. Most of it is untouched at first, and so takes no memory.
	chunkBytes = 64 << 10
)

// Ref refers to stored bytes. The zero value refers to none.
type Ref struct {
	chunk uint32 // its number
	block uint16
	size  uint16 // at most math.MaxUint16: a large value has a chunk of its own size
}

// Put stores a copy of b. It is safe for concurrent use, as are the methods of Ref.
func Put(b []byte) Ref { return global.put(b) }

// Bytes returns the stored bytes. The caller must not change them, nor use them after Free.
func (r Ref) Bytes() []byte { return global.bytes(r) }

// Free releases the memory. The caller calls it once for each Put.
func (r Ref) Free() { global.free(r) }

var global arena

// arena holds all chunks.
type arena struct {
	mu          sync.Mutex
	chunks      []*chunk // by number; nil: no chunk
	freeNumbers []uint32 // the numbers without a chunk
	// room has a list for each size, in steps, of the chunks that are not full.
	room [largest/sizeStep + 1]*chunk
}

// chunk is memory for blocks of one size.
type chunk struct {
	memory    []byte
	mapped    bool // memory comes from the system, not from the heap
	number    uint32
	size      int // of a block
	used      int // blocks in use
	untouched int // the first block that has never been used
	// freeList is one more than the first of the blocks that were freed; each begins with the next
	// one.
	freeList   uint16
	prev, next *chunk // in the list of chunks that are not full
}

func (a *arena) put(b []byte) Ref {
	if len(b) == 0 {
		return Ref{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.roomFor(len(b))
	block := c.take()
	if c.isFull() {
		a.unlist(c)
	}
	copy(c.block(block), b)
	return Ref{c.number, block, uint16(min(len(b), math.MaxUint16))}
}

func (a *arena) bytes(r Ref) []byte {
	if r.size == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.chunks[r.chunk]
	if c.size > largest {
		return c.memory
	}
	return c.block(r.block)[:r.size:r.size]
}

func (a *arena) free(r Ref) {
	if r.size == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.chunks[r.chunk]
	if c.isFull() {
		a.list(c)
	}
	c.put(r.block)
	if first := a.room[c.class()]; c.used == 0 && (!c.mapped || first != c || c.next != nil) {
		a.remove(c) // the list has another chunk with room
	}
}

// roomFor returns a chunk with a free block for n bytes.
func (a *arena) roomFor(n int) *chunk {
	if n <= largest {
		n = (n + sizeStep - 1) / sizeStep * sizeStep
		if known := a.room[n/sizeStep]; known != nil {
			return known
		}
	}
	c := &chunk{size: n, number: uint32(len(a.chunks))}
	if n > largest {
		c.memory = make([]byte, n)
	} else {
		c.memory, c.mapped = allocate(chunkBytes)
	}
	if n := len(a.freeNumbers); n > 0 {
		c.number, a.freeNumbers = a.freeNumbers[n-1], a.freeNumbers[:n-1]
		a.chunks[c.number] = c
	} else {
		a.chunks = append(a.chunks, c)
	}
	a.list(c)
	return c
}

// remove releases a chunk's memory.
func (a *arena) remove(c *chunk) {
	a.unlist(c)
	a.chunks[c.number] = nil
	a.freeNumbers = append(a.freeNumbers, c.number)
	if c.mapped {
		release(c.memory)
	}
}

// class returns the index of the chunk's list; 0: the chunk of a large value, which is full.
func (c *chunk) class() int {
	if c.size > largest {
		return 0
	}
	return c.size / sizeStep
}

// list adds a chunk to the list of those with room.
func (a *arena) list(c *chunk) {
	first := &a.room[c.class()]
	if c.prev, c.next = nil, *first; c.next != nil {
		c.next.prev = c
	}
	*first = c
}

// unlist removes a chunk from the list of those with room.
func (a *arena) unlist(c *chunk) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		a.room[c.class()] = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
}

func (c *chunk) block(i uint16) []byte {
	start := int(i) * c.size
	return c.memory[start : start+c.size : start+c.size]
}

func (c *chunk) isFull() bool { return c.used == len(c.memory)/c.size }

// take returns a free block. The chunk must not be full.
func (c *chunk) take() uint16 {
	c.used++
	if c.freeList == 0 {
		c.untouched++
		return uint16(c.untouched - 1)
	}
	block := c.freeList - 1
	c.freeList = binary.NativeEndian.Uint16(c.block(block))
	return block
}

// put takes a block back.
func (c *chunk) put(block uint16) {
	c.used--
	binary.NativeEndian.PutUint16(c.block(block), c.freeList)
	c.freeList = block + 1
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

import "sync"

const firstBlock = 2 << 10

// blockSizes holds the sizes of blocks. Small ones double; large ones grow by about a fifth, to
// waste less. A hello of DefaultMaxHello fits in 68 KiB, and in 400 KiB if each byte has its own
// record, which is the most that can be received before a verdict.
var blockSizes = [...]int{
	firstBlock, 4 << 10, 8 << 10, 16 << 10, 24 << 10, 32 << 10, 40 << 10, 48 << 10, 58 << 10, 68 << 10,
	82 << 10, 100 << 10, 120 << 10, 144 << 10, 172 << 10, 206 << 10, 246 << 10, 290 << 10, 340 << 10, 400 << 10,
}

// A block is an array of one of blockSizes. Blocks above the last size keep doubling, and are not
// pooled.
type block struct {
	array []byte
	size  int
}

var blocks [len(blockSizes)]sync.Pool

func newBlock(size int) *block {
	if last := len(blockSizes) - 1; size > last {
		return &block{array: make([]byte, blockSizes[last]<<(size-last)), size: size}
	}
	if b, ok := blocks[size].Get().(*block); ok {
		return b
	}
	return &block{array: make([]byte, blockSizes[size]), size: size}
}

func (b *block) release() {
	if b.size < len(blocks) {
		blocks[b.size].Put(b)
	}
}

// A buffer holds bytes in one block, and moves them to the next larger one when it is full. The
// zero value is empty and has no block.
type buffer struct {
	array  []byte
	filled int // the number of bytes in array
	block  *block
	pinned bool // a Hello refers to the block: it must not return to its pool
}

// bytes returns the content of the buffer. It is valid until more is added.
func (b *buffer) bytes() []byte {
	return b.array[:b.filled:b.filled]
}

// space returns the free part of the block, which is never empty.
func (b *buffer) space() []byte {
	if b.filled == len(b.array) {
		b.grow()
	}
	return b.array[b.filled:]
}

// commit adds the first n bytes of the space to the content. It panics if the space is smaller.
func (b *buffer) commit(n int) {
	b.filled += len(b.array[b.filled:][:n])
}

func (b *buffer) append(p []byte) {
	if len(p) == 1 && b.filled < len(b.array) {
		// Records may have one byte each. A call of memmove for each would cost a quarter more.
		b.array[b.filled] = p[0]
		b.filled++
		return
	}
	n := copy(b.array[b.filled:], p)
	b.filled += n
	for len(p) > n {
		p = p[n:]
		b.grow()
		n = copy(b.array[b.filled:], p)
		b.filled += n
	}
}

func (b *buffer) grow() {
	size := 0
	if b.block != nil {
		size = b.block.size + 1
	}
	larger := newBlock(size)
	copy(larger.array, b.array)
	if !b.pinned && b.block != nil {
		// A pinned block is left to the garbage collector.
		b.block.release()
	}
	b.array, b.block, b.pinned = larger.array, larger, false
}

// reserve empties the buffer and makes room for n bytes, at most the last of blockSizes.
func (b *buffer) reserve(n int) {
	if n > len(b.array) {
		b.release()
		size := 0
		for blockSizes[size] < n {
			size++
		}
		b.block = newBlock(size)
		b.array = b.block.array
	}
	b.filled = 0
}

// release empties the buffer and returns its block to the pool. Slices of the block must not be
// used afterwards.
func (b *buffer) release() {
	if b.block != nil {
		b.block.release()
	}
	*b = buffer{}
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

import "sync"

const firstBlock = 2 << 10

// blockSizes are those of the blocks. They double as long as that costs little, and grow by a fifth
// where it would cost much. 68 KiB hold a hello of DefaultMaxHello, and 400 KiB the same in records
// of one byte each, which is the most that can be received before a verdict.
var blockSizes = [...]int{
	firstBlock, 4 << 10, 8 << 10, 16 << 10, 24 << 10, 32 << 10, 40 << 10, 48 << 10, 58 << 10, 68 << 10,
	82 << 10, 100 << 10, 120 << 10, 144 << 10, 172 << 10, 206 << 10, 246 << 10, 290 << 10, 340 << 10, 400 << 10,
}

// A block is an array of one of the sizes, or of twice as many bytes as the last of them, four
// times, and so on.
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

// A buffer holds bytes in one block, and moves them to the next larger one when that is full. The
// zero value is empty and has no block.
type buffer struct {
	array  []byte
	filled int // how much of array holds bytes
	block  *block
	pinned bool // there are views of the present block: it must live as long as they do
}

// bytes returns what is in the buffer. It is not valid after more was added.
func (b *buffer) bytes() []byte {
	return b.array[:b.filled:b.filled]
}

// space returns the room after the bytes, of which there always is some.
func (b *buffer) space() []byte {
	if b.filled == len(b.array) {
		b.grow()
	}
	return b.array[b.filled:]
}

// commit takes the first n bytes of the space. It panics if there are not so many.
func (b *buffer) commit(n int) {
	b.filled += len(b.array[b.filled:][:n])
}

func (b *buffer) append(p []byte) {
	if len(p) == 1 && b.filled < len(b.array) {
		// Records may have one byte each, and a call of memmove for each costs a quarter more.
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
		// A block with views is left to the garbage collector.
		b.block.release()
	}
	b.array, b.block, b.pinned = larger.array, larger, false
}

// reserve empties the buffer and makes room for n bytes, at most as many as the largest block has.
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

// release empties the buffer and gives its block back.
func (b *buffer) release() {
	if b.block != nil {
		b.block.release()
	}
	*b = buffer{}
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

import "sync"

const (
	firstBlock = 2 << 10

	// The blocks double from 2 KiB to 512 KiB. A hello of DefaultMaxHello in records of one byte each, the most that
	// can be received before a verdict, is 384 KiB long.
	blockSizes = 9
)

// A block is an array of one of the sizes.
type block struct {
	array []byte
	size  int // its size is firstBlock<<size
}

var blocks [blockSizes]sync.Pool

func newBlock(size int) *block {
	if size < blockSizes {
		if b, ok := blocks[size].Get().(*block); ok {
			return b
		}
	}
	return &block{array: make([]byte, firstBlock<<size), size: size}
}

func (b *block) release() {
	if b.size < blockSizes {
		blocks[b.size].Put(b)
	}
}

// A buffer holds bytes in one block, and moves them to the next larger one when that is full. The zero value is empty
// and has no block.
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

// release empties the buffer and gives its block back.
func (b *buffer) release() {
	if b.block != nil {
		b.block.release()
	}
	*b = buffer{}
}

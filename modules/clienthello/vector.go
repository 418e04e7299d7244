// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"encoding/binary"
	"iter"
)

// Uint16s is a read-only list of 16-bit numbers, as encoded in a hello.
type Uint16s struct {
	bytes []byte
}

// Len returns the length of the list.
func (l Uint16s) Len() int {
	return len(l.bytes) / 2
}

// At returns the number at a position, counted from 0. It panics if the position is out of range.
func (l Uint16s) At(position int) uint16 {
	return uint16At(l.bytes, 2*position)
}

// Bytes returns the encoded list, two bytes for each number. It must not be modified.
func (l Uint16s) Bytes() []byte {
	return l.bytes
}

// All returns the numbers in order.
func (l Uint16s) All() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for position := 0; position < len(l.bytes); position += 2 {
			if !yield(uint16At(l.bytes, position)) {
				return
			}
		}
	}
}

// uint16s returns the bytes of a vector as a list, which must not be empty. Its arguments are the
// results of whole8, whole16 or cut16.
func uint16s(vector []byte, cut bool) (list Uint16s, ok bool) {
	return Uint16s{vector}, cut && len(vector) > 0 && len(vector)%2 == 0
}

func uint16At(b []byte, position int) uint16 {
	return binary.BigEndian.Uint16(b[position:])
}

// cut8 splits b after a vector whose length takes one byte (RFC 8446, section 3.4).
func cut8(b []byte) (vector, rest []byte, ok bool) {
	if len(b) < 1 {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	if len(b) < end {
		return nil, nil, false
	}
	return b[1:end:end], b[end:], true
}

// cut16 splits b after a vector whose length takes two bytes.
func cut16(b []byte) (vector, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < end {
		return nil, nil, false
	}
	return b[2:end:end], b[end:], true
}

// cutTagged splits b after a number and a vector, the form of extensions and key shares.
func cutTagged(b []byte) (tag uint16, vector, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	end := 4 + int(binary.BigEndian.Uint16(b[2:]))
	if len(b) < end {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint16(b), b[4:end:end], b[end:], true
}

// whole8 returns the vector that b consists of, with a length of one byte.
func whole8(b []byte) (vector []byte, ok bool) {
	vector, rest, ok := cut8(b)
	return vector, ok && len(rest) == 0
}

// whole16 returns the vector that b consists of, with a length of two bytes.
func whole16(b []byte) (vector []byte, ok bool) {
	vector, rest, ok := cut16(b)
	return vector, ok && len(rest) == 0
}

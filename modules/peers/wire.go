// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Errors of a connection's other end.
var (
	errMalformed = errors.New("malformed message")
	errTooLong   = errors.New("message is too long")
)

// Numbers below firstLong take a byte; others have 4 bits in their first byte and 7 in each of the
// others.
const firstLong = 240

// appendNumber appends a number.
func appendNumber(b []byte, n uint64) []byte {
	if n < firstLong {
		return append(b, byte(n))
	}
	b = append(b, byte(n)|firstLong)
	n = (n - firstLong) >> 4
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n = (n - 0x80) >> 7
	}
	return append(b, byte(n))
}

// appendBytes appends bytes after their number.
func appendBytes[T string | []byte](b []byte, of T) []byte {
	return append(appendNumber(b, uint64(len(of))), of...)
}

// appendMessage appends a message about a table.
func appendMessage(b []byte, kind byte, data []byte) []byte {
	return appendBytes(append(b, classTable, kind), data)
}

// cursor reads from the data of a message. After an error it is empty, and failed is set.
type cursor struct {
	rest   []byte
	failed bool
}

func (c *cursor) fail() {
	c.rest, c.failed = nil, true
}

// number reads a number.
func (c *cursor) number() uint64 {
	n, size := decodeNumber(c.rest)
	if size == 0 {
		c.fail()
		return 0
	}
	c.rest = c.rest[size:]
	return n
}

// decodeNumber returns a number and its bytes; 0: it is incomplete or too long.
func decodeNumber(b []byte) (n uint64, size int) {
	const longest = 10
	if len(b) == 0 {
		return 0, 0
	}
	if n = uint64(b[0]); n < firstLong {
		return n, 1
	}
	for i, shift := 1, 4; i < min(len(b), longest); i, shift = i+1, shift+7 {
		if n += uint64(b[i]) << shift; b[i] < 0x80 {
			return n, i + 1
		}
	}
	return 0, 0
}

// bytes reads a number of bytes.
func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.fail()
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

// uint32 reads 4 bytes in network order.
func (c *cursor) uint32() uint32 {
	b := c.bytes(4)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// readMessage reads a message. The data is valid until the next one is read; buf is reused.
func readMessage(r *bufio.Reader, buf []byte) (class, kind byte, data []byte, err error) {
	if class, err = r.ReadByte(); err != nil {
		return class, kind, nil, err
	}
	if kind, err = r.ReadByte(); err != nil || kind < hasLength {
		return class, kind, nil, err
	}
	length, err := readNumber(r)
	if err != nil {
		return class, kind, nil, err
	}
	if length > uint64(len(buf)) {
		return class, kind, nil, errTooLong
	}
	_, err = io.ReadFull(r, buf[:length])
	return class, kind, buf[:length], err
}

// readNumber reads the length of a message.
func readNumber(r *bufio.Reader) (uint64, error) {
	const longest = 5
	var b []byte
	for {
		next, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		b = append(b, next)
		if n, size := decodeNumber(b); size > 0 {
			return n, nil
		}
		if len(b) == longest {
			return 0, errMalformed
		}
	}
}

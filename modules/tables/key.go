// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"bytes"
	"hash/maphash"
)

// key is a key as it is compared, with its hash. It is the same in a table whose type changes to
// one with room for it: IPv4 addresses have 4 bytes in every table, and what pads keys is left out.
type key struct {
	bytes []byte
	hash  uint64
}

// seed is the process's. Clients cannot know which keys have the same hash.
var seed = maphash.MakeSeed()

// mapped is the prefix of IPv6 addresses that are IPv4 addresses.
var mapped = []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}

// key returns the key, and whether it is one of the table's type.
func (t *Table) key(b []byte) (key, bool) {
	b, ok := t.current.Load().canonical(b)
	return key{b, maphash.Bytes(seed, b)}, ok
}

// canonical returns the bytes by which a key is found, and whether it is of the layout's type.
func (l *layout) canonical(b []byte) ([]byte, bool) {
	switch l.config.Type {
	case String:
		if end := bytes.IndexByte(b, 0); end >= 0 {
			b = b[:end]
		}
		return b[:min(len(b), l.keyLength)], true
	case Binary:
		return bytes.TrimRight(b[:min(len(b), l.keyLength)], "\x00"), true
	case IP, IPv6:
		if len(b) == 16 && bytes.HasPrefix(b, mapped) {
			b = b[len(mapped):]
		}
		return b, len(b) == 4 || len(b) == l.keyLength
	default:
		return b, len(b) == l.keyLength
	}
}

// key returns the key of an entry, with what pads it.
func (l *layout) key(entry []byte) []byte {
	return entry[keyAt : keyAt+l.keyLength : keyAt+l.keyLength]
}

// setKey writes the key of a new entry, whose bytes are zero.
func (l *layout) setKey(entry, b []byte) {
	if l.isMapped(b) {
		copy(entry[keyAt:], mapped)
		copy(entry[keyAt+len(mapped):], b)
		return
	}
	copy(entry[keyAt:], b)
}

// hasKey reports whether an entry has the key.
func (l *layout) hasKey(entry, b []byte) bool {
	own := l.key(entry)
	if l.isMapped(b) {
		return bytes.Equal(own[len(mapped):], b) && bytes.Equal(own[:len(mapped)], mapped)
	}
	return bytes.Equal(own[:len(b)], b) && isZero(own[len(b):])
}

// isMapped reports whether the key is an IPv4 address in a table of IPv6 addresses.
func (l *layout) isMapped(b []byte) bool { return l.config.Type == IPv6 && len(b) == 4 }

// hash returns the hash of an entry's key.
func (l *layout) hash(entry []byte) uint64 {
	b, _ := l.canonical(l.key(entry))
	return maphash.Bytes(seed, b)
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"net/netip"
	"slices"
)

// sum is a key's hash by one of HAProxy's functions but none. It is a switch so that
// the compiler sees that nobody keeps the key.
func sum(function string, key []byte) uint32 {
	switch function {
	case "djb2":
		return djb2(key)
	case "wt6":
		return wt6(key)
	case "crc32":
		return crc32.ChecksumIEEE(slices.Clone(key))
	default:
		return sdbm(key)
	}
}

func sdbm(key []byte) (h uint32) {
	for _, c := range key {
		h = uint32(c) + h<<6 + h<<16 - h
	}
	return h
}

func djb2(key []byte) uint32 {
	h := uint32(5381)
	for _, c := range key {
		h = h*33 + uint32(c)
	}
	return h
}

// wt6 keeps two halves, which it turns by what the last byte made of them.
func wt6(key []byte) uint32 {
	a, b := uint32(0xa53c965a), uint32(0x5ca6953a)
	turnA, turnB := 6, 18
	for _, c := range key {
		a, b = ^(a ^ uint32(c)), ^(b + uint32(c))
		a, b = bits.RotateLeft32(b, turnA), bits.RotateLeft32(a, turnB)
		mixed := (a>>16 ^ b) & 0xffff
		turnA, turnB = int(mixed&0x1f), int(mixed>>11)
	}
	return a ^ b
}

// avalanche has each bit of a hash depend on all others. The first six steps are
// Bob Jenkins' 32-bit integer hash; the factor is HAProxy's, about three quarters
// of the range.
func avalanche(h uint32) uint32 {
	h = h + 0x7ed55d16 + h<<12
	h = h ^ 0xc761c23c ^ h>>19
	h = h + 0x165667b1 + h<<5
	h = (h + 0xd3a2646c) ^ h<<9
	h = h + 0xfd7046c5 + h<<3
	h = h ^ 0xb55a4f09 ^ h>>16
	return h * 3221225473
}

// folded is an address of either family in 32 bits. An IPv4 address within one of
// IPv6 is hashed as the latter.
func folded(a netip.Addr) (h uint32) {
	for b := a.AsSlice(); len(b) > 0; b = b[4:] {
		h ^= binary.BigEndian.Uint32(b)
	}
	return h
}

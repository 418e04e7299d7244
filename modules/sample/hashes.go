// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"slices"
)

// Sum hashes a key with a function of HAProxy's hash-type: sdbm, djb2, wt6 or crc32. It is a switch
// rather than a table so that the compiler sees that key does not escape.
func Sum(function string, key []byte) uint32 {
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

// wt6 hashes two halves, which it rotates by amounts that depend on the last byte.
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

// Avalanche makes each bit of a hash depend on all others. The first six steps are Bob Jenkins'
// 32-bit integer hash; the factor is HAProxy's, about three quarters of the range.
func Avalanche(h uint32) uint32 {
	h = h + 0x7ed55d16 + h<<12
	h = h ^ 0xc761c23c ^ h>>19
	h = h + 0x165667b1 + h<<5
	h = (h + 0xd3a2646c) ^ h<<9
	h = h + 0xfd7046c5 + h<<3
	h = h ^ 0xb55a4f09 ^ h>>16
	return h * 3221225473
}

const (
	prime32a, prime32b, prime32c, prime32d, prime32e = 2654435761, 2246822519, 3266489917, 668265263, 374761393

	prime64a, prime64b, prime64c, prime64d, prime64e = 11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261
)

// xxh32 computes the hash XXH32.
func xxh32(b []byte, seed uint32) uint32 {
	h, length := seed+prime32e, uint32(len(b))
	if len(b) >= 16 {
		first, second := uint32(prime32a), uint32(prime32b)
		lanes := [4]uint32{seed + first + second, seed + second, seed, seed - first}
		for ; len(b) >= 16; b = b[16:] {
			for k := range lanes {
				lanes[k] = bits.RotateLeft32(lanes[k]+binary.LittleEndian.Uint32(b[4*k:])*prime32b, 13) * prime32a
			}
		}
		h = bits.RotateLeft32(lanes[0], 1) + bits.RotateLeft32(lanes[1], 7) + bits.RotateLeft32(lanes[2], 12) + bits.RotateLeft32(lanes[3], 18)
	}
	h += length
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*prime32c, 17) * prime32d
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*prime32e, 11) * prime32a
	}
	h = (h ^ h>>15) * prime32b
	h = (h ^ h>>13) * prime32c
	return h ^ h>>16
}

// xxh64 computes the hash XXH64.
func xxh64(b []byte, seed uint64) uint64 {
	h, length := seed+prime64e, uint64(len(b))
	if len(b) >= 32 {
		first, second := uint64(prime64a), uint64(prime64b)
		lanes := [4]uint64{seed + first + second, seed + second, seed, seed - first}
		for ; len(b) >= 32; b = b[32:] {
			for k := range lanes {
				lanes[k] = round64(lanes[k], binary.LittleEndian.Uint64(b[8*k:]))
			}
		}
		h = bits.RotateLeft64(lanes[0], 1) + bits.RotateLeft64(lanes[1], 7) + bits.RotateLeft64(lanes[2], 12) + bits.RotateLeft64(lanes[3], 18)
		for _, lane := range lanes {
			h = (h^round64(0, lane))*prime64a + prime64d
		}
	}
	h += length
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^round64(0, binary.LittleEndian.Uint64(b)), 27)*prime64a + prime64d
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*prime64a, 23)*prime64b + prime64c
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*prime64e, 11) * prime64a
	}
	h = (h ^ h>>33) * prime64b
	h = (h ^ h>>29) * prime64c
	return h ^ h>>32
}

func round64(h, input uint64) uint64 {
	return bits.RotateLeft64(h+input*prime64b, 31) * prime64a
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/md5" //nolint:gosec // JA3 is defined with MD5; it names a client program and protects nothing
	"encoding/hex"
	"slices"
	"strconv"
)

// JA3 returns the JA3 fingerprint: the MD5 of the string of AppendJA3String, as 32 hexadecimal
// digits. It is constant for a client program that does not permute its extensions; most browsers
// do, so see JA4. Each call computes it anew.
//
// A client can imitate any fingerprint. Fingerprints contain no secrets: the random, the session
// ID, key shares and pre-shared keys do not contribute to them.
func (h *Hello) JA3() string {
	var array [1024]byte
	var digits [2 * md5.Size]byte
	sum := md5.Sum(h.AppendJA3String(array[:0])) //nolint:gosec // see the import
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// AppendJA3String appends the string that JA3 hashes, such as 771,4865-4866,0-10-11,29-23,0: the
// legacy version, cipher suites, extensions, groups and point formats in decimal and in the
// client's order, without GREASE values (RFC 8701). It follows the README of
// github.com/salesforce/ja3.
func (h *Hello) AppendJA3String(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(h.LegacyVersion()), 10)
	dst = append(dst, ',')
	dst = slices.Grow(dst, len("65535-")*h.CipherSuites().Len())
	for suite := range h.CipherSuites().All() {
		dst = appendJA3(dst, suite)
	}
	dst = endJA3List(dst)
	for kind := range h.Extensions() {
		dst = appendJA3(dst, kind)
	}
	dst = endJA3List(dst)
	dst = slices.Grow(dst, len("65535-")*h.Groups().Len())
	for group := range h.Groups().All() {
		dst = appendJA3(dst, group)
	}
	dst = endJA3List(dst)
	for _, format := range h.PointFormats() {
		dst = appendJA3(dst, uint16(format))
	}
	dst = endJA3List(dst)
	return dst[:len(dst)-1]
}

// appendJA3 appends a number of a list and a dash.
func appendJA3(dst []byte, value uint16) []byte {
	if isGREASE(value) {
		return dst
	}
	return append(strconv.AppendUint(dst, uint64(value), 10), '-')
}

// endJA3List ends a list: a comma replaces its last dash.
func endJA3List(dst []byte) []byte {
	if last := len(dst) - 1; dst[last] == '-' {
		dst = dst[:last]
	}
	return append(dst, ',')
}

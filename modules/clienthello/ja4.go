// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

const hexDigits = "0123456789abcdef"

// ja4Versions has all versions of JA4.md; those of DTLS begin with a d.
var ja4Versions = map[uint16]string{
	versionTLS13: "13", versionTLS12: "12", versionTLS11: "11", versionTLS10: "10", versionSSL3: "s3", 0x0002: "s2",
	0xfeff: "d1", 0xfefd: "d2", 0xfefc: "d3",
}

// JA4 returns the JA4 fingerprint of TLS over TCP, such as t13d1516h2_8daaf6152771_e5627efa2ab1,
// which always has 36 ASCII characters. Unlike JA3, it does not depend on the order of cipher
// suites and extensions. Like JA3, it is computed by each call and contains no secrets.
//
// It follows technical_details/JA4.md of github.com/FoxIO-LLC/ja4. GREASE values (RFC 8701) are
// ignored everywhere, also as protocol names and signature algorithms. JA4 is under the BSD
// 3-Clause License and without patent claims; the other methods of the JA4+ family are under a
// license that restricts their use, and are not implemented here.
func (h *Hello) JA4() string {
	var array [36]byte
	var suitesArray, typesArray [128]uint16
	var textArray [1024]byte

	suites := h.appendJA4Suites(suitesArray[:0])
	types := h.appendJA4Types(typesArray[:0])
	dst := append(append(array[:0], 't'), h.ja4Version()...)
	if slices.Contains(types, extensionServerName) {
		dst = append(dst, 'd')
	} else {
		dst = append(dst, 'i')
	}
	dst = appendJA4Count(dst, len(suites))
	dst = appendJA4Count(dst, len(types))
	first, last := h.ja4Protocol()
	dst = append(dst, first, last, '_')

	text := slices.Grow(textArray[:0], 5*max(len(suites), len(types)+h.SignatureAlgorithms().Len()))
	for _, suite := range suites {
		text = appendJA4(text, suite)
	}
	dst = append(appendJA4Digest(dst, text), '_')

	text = text[:0]
	for _, kind := range types {
		if kind != extensionServerName && kind != extensionALPN {
			text = appendJA4(text, kind)
		}
	}
	if len(text) > 0 {
		text[len(text)-1] = '_'
	}
	for signature := range h.SignatureAlgorithms().All() {
		if !isGREASE(signature) {
			text = appendJA4(text, signature)
		}
	}
	return string(appendJA4Digest(dst, text))
}

// appendJA4Suites appends the cipher suites in numerical order, without GREASE values.
func (h *Hello) appendJA4Suites(dst []uint16) []uint16 {
	dst = slices.Grow(dst, h.CipherSuites().Len())
	for suite := range h.CipherSuites().All() {
		if !isGREASE(suite) {
			dst = append(dst, suite)
		}
	}
	sortUint16s(dst)
	return dst
}

// appendJA4Types appends the types of the extensions in numerical order, without GREASE values.
func (h *Hello) appendJA4Types(dst []uint16) []uint16 {
	for kind := range h.Extensions() {
		if !isGREASE(kind) {
			dst = append(dst, kind)
		}
	}
	sortUint16s(dst)
	return dst
}

// ja4Version returns the two characters for the highest number in the supported_versions extension,
// even if it is a draft's (unlike Version), or for the legacy version without that extension.
func (h *Hello) ja4Version() string {
	version := h.LegacyVersion()
	if h.SupportedVersions().Len() > 0 {
		version = 0
		for offered := range h.SupportedVersions().All() {
			if !isGREASE(offered) {
				version = max(version, offered)
			}
		}
	}
	if characters, ok := ja4Versions[version]; ok {
		return characters
	}
	return "00"
}

// ja4Protocol returns the first and last character of the first protocol name, or of its
// hexadecimal form if one of the two is not alphanumeric.
func (h *Hello) ja4Protocol() (first, last byte) {
	for name := range h.ALPN() {
		if len(name) == 2 && isGREASE(uint16At(name, 0)) {
			continue
		}
		first, last = name[0], name[len(name)-1]
		if !isAlphanumeric(first) || !isAlphanumeric(last) {
			first, last = hexDigits[first>>4], hexDigits[last&0xf]
		}
		return first, last
	}
	return '0', '0'
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func appendJA4Count(dst []byte, count int) []byte {
	count = min(count, 99)
	return append(dst, '0'+byte(count/10), '0'+byte(count%10))
}

// appendJA4 appends a number of a list and a comma.
func appendJA4(dst []byte, value uint16) []byte {
	return append(dst, hexDigits[value>>12], hexDigits[value>>8&0xf], hexDigits[value>>4&0xf], hexDigits[value&0xf], ',')
}

// appendJA4Digest appends the first 12 digits of the digest of a list without its last separator.
func appendJA4Digest(dst, list []byte) []byte {
	if len(list) == 0 {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(list[:len(list)-1])
	return hex.AppendEncode(dst, sum[:6])
}

// sortUint16s sorts in linear time: it is a radix sort for long lists. A client chooses the number
// of cipher suites and extensions, up to the size of the hello.
func sortUint16s(values []uint16) {
	if len(values) <= 128 {
		slices.Sort(values)
		return
	}
	from, to := values, make([]uint16, len(values))
	for shift := 0; shift < 16; shift += 8 {
		var next [256]int // position of the next value with that byte
		for _, value := range from {
			next[byte(value>>shift)]++
		}
		position := 0
		for k, count := range next {
			next[k] = position
			position += count
		}
		for _, value := range from {
			k := byte(value >> shift)
			to[next[k]] = value
			next[k]++
		}
		from, to = to, from
	}
}

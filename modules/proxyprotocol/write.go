// SPDX-License-Identifier: Apache-2.0

package proxyprotocol

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"net/netip"
)

// AppendV1 appends a header of version 1 for a client's connection. If either address is invalid,
// the header is PROXY UNKNOWN. If one is IPv6, the other is written as IPv6, too.
func AppendV1(b []byte, source, destination netip.AddrPort) []byte {
	b = append(b, linePrefix...)
	if !source.IsValid() || !destination.IsValid() {
		return append(b, "UNKNOWN\r\n"...)
	}
	from, to := source.Addr(), destination.Addr()
	if from.Is4() && to.Is4() {
		b = append(b, "TCP4 "...)
	} else {
		from, to = asIPv6(from), asIPv6(to)
		b = append(b, "TCP6 "...)
	}
	b = append(from.AppendTo(b), ' ')
	b = append(to.AppendTo(b), ' ')
	b = append(appendDecimal(b, source.Port()), ' ')
	return append(appendDecimal(b, destination.Port()), "\r\n"...)
}

// asIPv6 returns an address as one of IPv6 without a zone, which a header cannot hold.
func asIPv6(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

func appendDecimal(b []byte, n uint16) []byte {
	if n >= 10 {
		b = appendDecimal(b, n/10)
	}
	return append(b, '0'+byte(n%10))
}

// V2 is a header of version 2 while it is written: BeginV2, any number of TLVs, End.
type V2 struct {
	b     []byte
	start int // of the header in b
	sum   int // where the checksum belongs; 0: none
}

// BeginV2 appends the beginning of a header for a client's connection. If either address is
// invalid, the header is LOCAL and has none. If one is IPv6, the other is written as IPv6, too.
func BeginV2(b []byte, source, destination netip.AddrPort) V2 {
	w := V2{start: len(b)}
	b = append(b, signature...)
	switch from, to := source.Addr(), destination.Addr(); {
	case !source.IsValid() || !destination.IsValid():
		b = append(b, version2|local, 0, 0, 0)
		w.b = b
		return w
	case from.Is4() && to.Is4():
		four, other := from.As4(), to.As4()
		b = append(append(append(b, version2|proxied, tcpOverIPv4, 0, 0), four[:]...), other[:]...)
	default:
		sixteen, other := from.As16(), to.As16()
		b = append(append(append(b, version2|proxied, tcpOverIPv6, 0, 0), sixteen[:]...), other[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, source.Port())
	w.b = binary.BigEndian.AppendUint16(b, destination.Port())
	return w
}

// TLV appends a TLV. A value that the header has no room for is left out, and TLV returns false.
func (w *V2) TLV(of byte, value []byte) bool {
	if len(w.b)-w.start-v2Header+tlvHeader+len(value) > math.MaxUint16 {
		return false
	}
	w.b = binary.BigEndian.AppendUint16(append(w.b, of), uint16(len(value)))
	w.b = append(w.b, value...)
	return true
}

// Checksum appends the TLV CRC32C, which covers the whole header.
func (w *V2) Checksum() {
	if w.TLV(CRC32C, make([]byte, crc32.Size)) {
		w.sum = len(w.b) - crc32.Size
	}
}

// End completes the header and returns the bytes with it.
func (w *V2) End() []byte {
	header := w.b[w.start:]
	binary.BigEndian.PutUint16(header[v2Header-2:], uint16(len(header)-v2Header))
	if w.sum != 0 {
		binary.BigEndian.PutUint32(w.b[w.sum:], crc32.Checksum(header, castagnoli))
	}
	return w.b
}

// SPDX-License-Identifier: Apache-2.0

package proxyprotocol

import (
	"encoding/binary"
	"net/netip"
)

// NetScaler's header is a magic number, a length and the client's IP and TCP headers. In the
// legacy format these begin after 8 bytes; in the standard one a zero byte, a type and a length of
// their own come before them.
const (
	legacyPrefix   = 8
	standardPrefix = 12
	ipv4Header     = 20 // without options
	ipv6Header     = 40
	tcpPorts       = 4
	protocolTCP    = 6

	// maxNetScaler bounds the header: two headers with all their options fit.
	maxNetScaler = 256
)

// netScalerSize returns the size of a header, or 0 if b is too short to tell.
func netScalerSize(b []byte, magic uint32) (size int, err error) {
	var begins [4]byte
	binary.BigEndian.PutUint32(begins[:], magic)
	switch {
	case !isPrefix(b, string(begins[:])):
		return 0, ErrNoHeader
	case len(b) < standardPrefix:
		return 0, nil
	case b[legacyPrefix]&0xd0 == 0x40: // IP version 4 or 6
		size = int(min(binary.BigEndian.Uint32(b[4:]), maxNetScaler)) + legacyPrefix
	case b[legacyPrefix] == 0:
		size = int(binary.BigEndian.Uint16(b[10:])) + standardPrefix
	default:
		return 0, invalid("NetScaler's header has neither of its formats")
	}
	if size > maxNetScaler {
		return 0, invalid("NetScaler's header is longer than %d bytes", maxNetScaler)
	}
	return max(size, standardPrefix), nil
}

func parseNetScaler(b []byte) (*Header, error) {
	ip := b[legacyPrefix:]
	if ip[0] == 0 {
		ip = b[standardPrefix:]
	}
	if len(ip) == 0 {
		return nil, invalid("NetScaler's header has no IP header")
	}
	var source, destination []byte
	var protocol, length int
	switch version := ip[0] >> 4; {
	case version == 4 && len(ip) >= ipv4Header:
		source, destination = ip[12:16], ip[16:20]
		protocol, length = int(ip[9]), int(ip[0]&0xf)*4
	case version == 6 && len(ip) >= ipv6Header:
		source, destination = ip[8:24], ip[24:40]
		protocol, length = int(ip[6]), ipv6Header
	default:
		return nil, invalid("NetScaler's header has no whole IP header")
	}
	if protocol != protocolTCP || length < ipv4Header || len(ip) < length+tcpPorts {
		return nil, invalid("NetScaler's header has no TCP header")
	}
	from, _ := netip.AddrFromSlice(source)
	to, _ := netip.AddrFromSlice(destination)
	return &Header{
		Source:      netip.AddrPortFrom(from, binary.BigEndian.Uint16(ip[length:])),
		Destination: netip.AddrPortFrom(to, binary.BigEndian.Uint16(ip[length+2:])),
	}, nil
}

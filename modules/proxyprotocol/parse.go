// SPDX-License-Identifier: Apache-2.0

package proxyprotocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// parseLine parses a header of version 1, with its line end.
func parseLine(line string) (*Header, error) {
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return nil, invalid("its line does not end with CRLF")
	}
	h := &Header{Version: 1}
	words := strings.Split(text, " ")
	if words[1] == "UNKNOWN" { // whatever follows is to be ignored
		return h, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return nil, invalid("expected PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT, or PROXY UNKNOWN, but got %q", text)
	}
	var err error
	if h.Source, err = parseAddress(words[1], words[2], words[4]); err != nil {
		return nil, err
	}
	h.Destination, err = parseAddress(words[1], words[3], words[5])
	return h, err
}

func parseAddress(family, host, port string) (netip.AddrPort, error) {
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" || ip.Is4() != (family == "TCP4") {
		return netip.AddrPort{}, invalid("%s address %q", family, host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, invalid("port %q", port)
	}
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

// parseV2 parses a header of version 2.
func parseV2(b []byte) (*Header, error) {
	h := &Header{Version: 2}
	switch command := b[len(signature)] & 0xf; command {
	case local: // nothing of it applies
		return h, nil
	case proxied:
	default:
		return nil, invalid("command %d", command)
	}
	size, err := h.setAddresses(b[v2Header-3], b[v2Header:])
	if err != nil {
		return nil, err
	}
	start := v2Header + size
	for at := start; at < len(b); {
		value, err := tlvAt(b, at)
		if err != nil {
			return nil, err
		}
		if err := validateTLV(b, at, value); err != nil {
			return nil, err
		}
		at += tlvHeader + len(value)
	}
	h.tlvs = bytes.Clone(b[start:])
	return h, nil
}

// addressSizes maps the families of addresses to their sizes in a header. Receivers must reject
// others (proxy-protocol.txt, 2.2).
var addressSizes = map[byte]int{
	0x00:        0,
	tcpOverIPv4: ipv4Addresses, 0x12: ipv4Addresses,
	tcpOverIPv6: ipv6Addresses, 0x22: ipv6Addresses,
	0x31: unixAddresses, 0x32: unixAddresses,
}

// setAddresses sets the addresses, if they are those of TCP connections, and returns their size in
// the header.
func (h *Header) setAddresses(family byte, b []byte) (size int, err error) {
	size, known := addressSizes[family]
	switch {
	case !known:
		return 0, invalid("address family %#02x", family)
	case len(b) < size:
		return 0, invalid("%d bytes for the addresses of family %#02x", len(b), family)
	case family != tcpOverIPv4 && family != tcpOverIPv6:
		return size, nil
	}
	n := size/2 - 2 // of an address
	source, _ := netip.AddrFromSlice(b[:n])
	destination, _ := netip.AddrFromSlice(b[n : 2*n])
	h.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(b[2*n:]))
	h.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(b[2*n+2:]))
	return size, nil
}

// tlvAt returns the value of the TLV at a place in a header.
func tlvAt(header []byte, at int) (value []byte, err error) {
	b := header[at:]
	if len(b) < tlvHeader {
		return nil, invalid("%d bytes after the last TLV", len(b))
	}
	end := tlvHeader + int(binary.BigEndian.Uint16(b[1:]))
	if end > len(b) {
		return nil, invalid("a TLV of type %#02x is longer than the header", b[0])
	}
	return b[tlvHeader:end], nil
}

// validateTLV validates the TLV at a place in a header, as HAProxy does.
func validateTLV(header []byte, at int, value []byte) error {
	switch of := header[at]; {
	case of == CRC32C:
		return validateChecksum(header, at+tlvHeader, value)
	case of == Authority && len(value) > maxAuthority:
		return invalid("authority of %d bytes", len(value))
	case of == UniqueID && len(value) > maxUniqueID:
		return invalid("unique ID of %d bytes", len(value))
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// validateChecksum compares the checksum at a place in a header with that of the header in which it
// is zero.
func validateChecksum(header []byte, at int, value []byte) error {
	if len(value) != crc32.Size {
		return invalid("checksum of %d bytes", len(value))
	}
	sum := crc32.Update(0, castagnoli, header[:at])
	sum = crc32.Update(sum, castagnoli, make([]byte, crc32.Size))
	sum = crc32.Update(sum, castagnoli, header[at+crc32.Size:])
	if sum != binary.BigEndian.Uint32(value) {
		return invalid("its checksum does not match")
	}
	return nil
}

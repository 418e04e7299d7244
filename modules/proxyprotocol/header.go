// SPDX-License-Identifier: Apache-2.0

// Package proxyprotocol reads and writes the headers in which a proxy passes on the address of its
// client: versions 1 and 2 of the PROXY protocol, and, for reading alone, NetScaler's client IP
// header. A Reader takes the bytes as they arrive, in pieces of any size, and none after the
// header; it needs no connection.
//
// The format is that of proxy-protocol.txt in HAProxy's documentation. The package accepts all that
// the document allows, and HAProxy's own headers: unlike HAProxy, it takes a header that arrives in
// several segments, one with UNKNOWN and further words, and one of another family than TCP.
package proxyprotocol

import (
	"encoding/binary"
	"iter"
	"net/netip"
)

// Header is a header that has been read. It shares no memory with the bytes it was read from.
type Header struct {
	// Version is 1 or 2, or 0 for NetScaler's header.
	Version int

	// Source and Destination are the addresses of the client's connection. Both are invalid if the
	// header has none that apply: LOCAL, UNKNOWN, or a family other than TCP over IPv4 or IPv6. The
	// addresses of the connection that the header came by apply then. An IPv4 address that the sender
	// has mapped into IPv6 stays so.
	Source, Destination netip.AddrPort

	tlvs []byte // type, length and value of each, as received
}

// HasAddresses reports whether the header names the client.
func (h *Header) HasAddresses() bool { return h.Source.IsValid() }

// The types of TLVs (proxy-protocol.txt, 2.2).
const (
	ALPN      = 0x01
	Authority = 0x02 // the host name that the client asked for
	CRC32C    = 0x03
	Noop      = 0x04
	UniqueID  = 0x05
	SSL       = 0x20
	NetNS     = 0x30
)

// Names maps the names that HAProxy has for types of TLVs to the types.
var Names = map[string]byte{
	"ALPN": ALPN, "AUTHORITY": Authority, "CRC32C": CRC32C, "NOOP": Noop, "UNIQUE_ID": UniqueID,
	"SSL": SSL, "SSL_VERSION": 0x21, "SSL_CN": 0x22, "SSL_CIPHER": 0x23, "SSL_SIG_ALG": 0x24, "SSL_KEY_ALG": 0x25,
	"NETNS": NetNS,
}

// TLVs yields the type and value of each TLV, in the order of the header. The values must not be
// changed.
func (h *Header) TLVs() iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for rest := h.tlvs; len(rest) > 0; {
			end := tlvHeader + int(binary.BigEndian.Uint16(rest[1:]))
			if !yield(rest[0], rest[tlvHeader:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// TLV returns the value of the first TLV of a type, and whether there is one.
func (h *Header) TLV(of byte) (value []byte, ok bool) {
	for t, v := range h.TLVs() {
		if t == of {
			return v, true
		}
	}
	return nil, false
}

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n" // that version 2 begins with

	tlvHeader = 3  // type and length
	v2Header  = 16 // signature, version, command, family and length

	ipv4Addresses = 4 + 4 + 2 + 2
	ipv6Addresses = 16 + 16 + 2 + 2
	unixAddresses = 108 + 108

	tcpOverIPv4 = 0x11
	tcpOverIPv6 = 0x21

	version2 = 0x20
	local    = 0x0
	proxied  = 0x1

	// Limits of HAProxy (PP2_AUTHORITY_MAX, UNIQUEID_LEN).
	maxAuthority = 255
	maxUniqueID  = 128
)

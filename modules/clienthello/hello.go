// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"iter"
	"net/netip"
)

// A Hello is a view of a ClientHello (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2). It is
// valid only as long as the bytes that it was parsed from, and the slices that its methods return
// must not be modified. It is safe for concurrent use.
//
// Lists are complete and in the client's order, with GREASE values (RFC 8701), duplicates and
// unassigned numbers. The list of an absent extension is empty.
type Hello struct {
	legacyVersion uint16
	version       uint16
	postQuantum   bool
	psk           bool
	earlyData     bool
	ech           bool
	length        uint32

	sessionID    []byte
	cipherSuites Uint16s
	extensions   []byte // validated, like all fields below
	versions     Uint16s
	groups       Uint16s
	signatures   Uint16s
	pointFormats []byte
	keyShares    []byte
	alpn         []byte

	hasName bool
	nameLen uint8
	name    [maxNameLen]byte
}

// ServerName returns the host_name of the server_name extension (RFC 6066, section 3) in lower case
// and without one trailing dot, or nil without one. The name is not trustworthy: it has 1 to 255
// bytes and no NUL byte, but may otherwise be anything, such as an IP address, a slash or a line
// break. Quote it in logs, and validate it before using it as an address or a file name.
func (h *Hello) ServerName() []byte {
	if !h.hasName {
		return nil
	}
	return h.name[:h.nameLen:h.nameLen]
}

// HasServerName reports whether the hello has a host_name.
func (h *Hello) HasServerName() bool {
	return h.hasName
}

// ServerNameIsIP reports whether the server name is an IPv4 or IPv6 address, which may have a zone
// but no brackets. RFC 6066, section 3 does not permit that.
func (h *Hello) ServerNameIsIP() bool {
	name := h.ServerName()
	if len(name) == 0 || bytes.IndexByte(name, ':') < 0 && (name[len(name)-1] < '0' || name[len(name)-1] > '9') {
		return false
	}
	_, err := netip.ParseAddr(string(name))
	return err == nil
}

// ALPN returns the protocol names of the application_layer_protocol_negotiation extension (RFC
// 7301).
func (h *Hello) ALPN() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := h.alpn; len(rest) > 0; {
			var protocol []byte
			protocol, rest, _ = cut8(rest)
			if !yield(protocol) {
				return
			}
		}
	}
}

// LegacyVersion returns the version in the fixed part of the hello, which is 0x0303 for TLS 1.2 and
// 1.3 alike; see Version.
func (h *Hello) LegacyVersion() uint16 {
	return h.legacyVersion
}

// Version returns the highest version that the client offers. With a supported_versions extension
// it is the highest version in that list: GREASE values (RFC 8701) do not count, versions of TLS
// rank above drafts and unknown numbers, and the result is zero if the list has only GREASE.
// Otherwise it is the legacy version, capped at TLS 1.2 (RFC 8446, section 4.2.1).
func (h *Hello) Version() uint16 {
	return h.version
}

// SupportedVersions returns the list of the supported_versions extension (RFC 8446, section 4.2.1).
func (h *Hello) SupportedVersions() Uint16s {
	return h.versions
}

// SessionID returns the legacy session ID, of at most 32 bytes.
func (h *Hello) SessionID() []byte {
	return h.sessionID
}

// CipherSuites returns the cipher suites, including signaling values such as TLS_FALLBACK_SCSV.
func (h *Hello) CipherSuites() Uint16s {
	return h.cipherSuites
}

// Groups returns the list of the supported_groups extension (RFC 8446, section 4.2.7).
func (h *Hello) Groups() Uint16s {
	return h.groups
}

// PointFormats returns the list of the ec_point_formats extension (RFC 8422, section 5.1.2).
func (h *Hello) PointFormats() []byte {
	return h.pointFormats
}

// SignatureAlgorithms returns the list of the signature_algorithms extension (RFC 8446, section
// 4.2.3).
func (h *Hello) SignatureAlgorithms() Uint16s {
	return h.signatures
}

// KeyShares returns the groups for which the client has sent a key share (RFC 8446, section 4.2.8).
func (h *Hello) KeyShares() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for rest := h.keyShares; len(rest) > 0; {
			var group uint16
			group, _, rest, _ = cutTagged(rest)
			if !yield(group) {
				return
			}
		}
	}
}

// PostQuantum reports whether the client has sent a key share of a post-quantum group: one with
// ML-KEM, or one of the drafts with Kyber. Listing such a group without a key share for it does not
// count.
func (h *Hello) PostQuantum() bool {
	return h.postQuantum
}

// PSK reports whether the client offers a pre-shared key (RFC 8446, section 4.2.11), usually to
// resume a session of TLS 1.3. The identities and binders are not parsed.
func (h *Hello) PSK() bool {
	return h.psk
}

// EarlyData reports whether the client announces 0-RTT data (RFC 8446, section 4.2.10), which may
// follow the hello immediately.
func (h *Hello) EarlyData() bool {
	return h.earlyData
}

// ECH reports whether the hello has an encrypted_client_hello extension (RFC 9849). Its content is
// indistinguishable from GREASE and is not parsed: the server name and all other fields are those
// of the outer hello.
func (h *Hello) ECH() bool {
	return h.ech
}

// Extensions returns the types of the extensions.
func (h *Hello) Extensions() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for rest := h.extensions; len(rest) > 0; {
			var kind uint16
			kind, _, rest, _ = cutTagged(rest)
			if !yield(kind) {
				return
			}
		}
	}
}

// HasExtensions reports whether the hello has a block of extensions, which may be empty. Up to TLS
// 1.2 a client may omit it.
func (h *Hello) HasExtensions() bool {
	return h.extensions != nil
}

// Extension returns the content of the extension with the given type, and whether the hello has it.
// The content may be empty. Each call searches the extensions from the first.
func (h *Hello) Extension(kind uint16) (data []byte, present bool) {
	for rest := h.extensions; len(rest) > 0; {
		var at uint16
		if at, data, rest, _ = cutTagged(rest); at == kind {
			return data, true
		}
	}
	return nil, false
}

// Len returns the length of the handshake message, without its header.
func (h *Hello) Len() int {
	return int(h.length)
}

// parse parses the body of the handshake message, which must have at least minHello bytes. Its
// errors are those prepared in errors.go.
func (h *Hello) parse(body []byte) error {
	const versionAndRandom = 2 + 32
	h.length = uint32(len(body))
	h.legacyVersion = uint16At(body, 0)
	h.version = min(h.legacyVersion, versionTLS12)

	var ok bool
	rest := body[versionAndRandom:]
	if h.sessionID, rest, ok = cut8(rest); !ok || len(h.sessionID) > 32 {
		return errSessionID
	}
	var vector []byte
	vector, rest, ok = cut16(rest)
	if h.cipherSuites, ok = uint16s(vector, ok); !ok {
		return errCipherSuites
	}
	if vector, rest, ok = cut8(rest); !ok || len(vector) == 0 {
		return errCompressions
	}
	if len(rest) == 0 {
		// Up to TLS 1.2 the extensions may be omitted altogether.
		return nil
	}
	if h.extensions, rest, ok = cut16(rest); !ok || len(rest) > 0 {
		return errExtensions
	}
	return h.parseExtensions()
}

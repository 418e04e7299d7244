// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"iter"

	"golang.org/x/crypto/cryptobyte"
)

// A Hello is a view of a ClientHello (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2). It is only valid as long as
// the bytes that it was read from; what its methods return must not be modified. It is safe for concurrent reading.
type Hello struct {
	legacyVersion uint16
	version       uint16
	alpn          cryptobyte.String // the entries, found to be correct

	hasName bool
	nameLen uint8
	name    [maxNameLen]byte
}

// ServerName returns the host_name of the server_name extension (RFC 6066, section 3) in lower case and without one
// trailing dot; nil if there is none. The name is what the client wrote: except that it is not empty, has no NUL byte
// and at most 255 bytes it may be anything, so also an IP address, although RFC 6066 forbids that, a slash or a line
// break. It needs quoting in a log, and checking before it becomes an address or a file name.
func (h *Hello) ServerName() []byte {
	if !h.hasName {
		return nil
	}
	return h.name[:h.nameLen:h.nameLen]
}

// HasServerName tells whether the hello has a host_name.
func (h *Hello) HasServerName() bool {
	return h.hasName
}

// ALPN returns the protocol names of the application_layer_protocol_negotiation extension (RFC 7301) in the order of
// the client's preference; there are none without that extension.
func (h *Hello) ALPN() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest := h.alpn
		var protocol cryptobyte.String
		for rest.ReadUint8LengthPrefixed(&protocol) {
			if !yield(protocol) {
				return
			}
		}
	}
}

// LegacyVersion returns the version in the fixed part of the hello. It is 0x0303 in all hellos that offer TLS 1.2 or
// 1.3; see Version.
func (h *Hello) LegacyVersion() uint16 {
	return h.legacyVersion
}

// Version returns the highest version that the client offers: by the supported_versions extension if there is one,
// without GREASE values (RFC 8701) and with those of TLS before drafts and unknown ones, and zero if nothing is left;
// else by the legacy version, where all above TLS 1.2 means TLS 1.2 (RFC 8446, section 4.2.1).
func (h *Hello) Version() uint16 {
	return h.version
}

// parse reads the body of the handshake message. Its error is one of the prepared details.
func (h *Hello) parse(body []byte) error {
	s := cryptobyte.String(body)
	if !s.ReadUint16(&h.legacyVersion) || !s.Skip(32) {
		return errShortHello
	}
	h.version = min(h.legacyVersion, versionTLS12)

	var sessionID, cipherSuites, compressions cryptobyte.String
	if !s.ReadUint8LengthPrefixed(&sessionID) || len(sessionID) > 32 {
		return errSessionID
	}
	if !s.ReadUint16LengthPrefixed(&cipherSuites) || cipherSuites.Empty() || len(cipherSuites)%2 != 0 {
		return errCipherSuites
	}
	if !s.ReadUint8LengthPrefixed(&compressions) || compressions.Empty() {
		return errCompressions
	}
	if s.Empty() {
		// Up to TLS 1.2 the extensions may be left out altogether.
		return nil
	}
	var extensions cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&extensions) || !s.Empty() {
		return errExtensions
	}
	return h.parseExtensions(extensions)
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"encoding/binary"
	"slices"
)

const (
	typeServerHello    = 2 // RFC 8446, section 4
	extensionVersions  = 43
	maxServerHello     = 4096
	minServerHello     = 2 + 32 + 1 + 2 + 1 // with an empty session ID
	serverHelloVersion = 2 + 32
)

// ServerHello holds the fields of a ServerHello that tell sessions apart (RFC 8446, section 4.1.3;
// RFC 5246, section 7.4.1.3).
type ServerHello struct {
	// SessionID is the session ID, of at most 32 bytes. Up to TLS 1.2 a client may resume the session
	// by it. In TLS 1.3 it only repeats what the client has sent.
	SessionID []byte
	// Version is the version that the server has selected.
	Version uint16
}

// Resumable reports whether a client may come back with the session ID.
func (h *ServerHello) Resumable() bool {
	return len(h.SessionID) > 0 && h.Version < versionTLS13
}

// ParseServerHello parses the ServerHello at the beginning of what a server has sent. Its errors
// wrap those of [Parse]; ErrNeedMore means that the bytes so far are the beginning of one. The
// result is valid as long as the bytes are.
func ParseServerHello(b []byte) (h ServerHello, err error) {
	message, err := serverMessage(b)
	if err != nil {
		return h, err
	}
	h.Version = uint16At(message, 0)
	var ok bool
	rest := message[serverHelloVersion:]
	if h.SessionID, rest, ok = cut8(rest); !ok || len(h.SessionID) > 32 {
		return h, errSessionID
	}
	if len(rest) < 3 {
		return h, errShortServerHello
	}
	if rest = rest[3:]; len(rest) == 0 { // cipher suite, compression method
		return h, nil
	}
	extensions, rest, ok := cut16(rest)
	if !ok || len(rest) > 0 {
		return h, errExtensions
	}
	for len(extensions) > 0 {
		kind, data, more, ok := cutTagged(extensions)
		if !ok {
			return h, errExtension
		}
		if extensions = more; kind == extensionVersions && len(data) == 2 {
			h.Version = uint16At(data, 0)
		}
	}
	return h, nil
}

// serverMessage returns the body of the ServerHello at the beginning of b. A message in several
// records is copied.
func serverMessage(b []byte) ([]byte, error) {
	var message []byte
	for first := true; ; first = false {
		switch {
		case len(b) > 0 && b[0] != contentTypeHandshake:
			return nil, errNotHandshake
		case len(b) < recordHeaderLen:
			return nil, ErrNeedMore
		}
		length := int(binary.BigEndian.Uint16(b[3:]))
		if length == 0 || length > maxPlaintext {
			return nil, wrongHeader(b[0], length)
		}
		b = b[recordHeaderLen:]
		record := b[:min(length, len(b))]
		if message = append(message, record...); first {
			message = slices.Clip(record)
		}
		switch end, err := serverHelloLen(message); {
		case err != nil:
			return nil, err
		case end > 0 && len(message) >= end:
			return message[handshakeHeaderLen:end], nil
		case len(record) < length:
			return nil, ErrNeedMore
		}
		b = b[length:]
	}
}

// serverHelloLen returns the length of the ServerHello that a message begins with, with its header;
// 0 if that is not known yet.
func serverHelloLen(message []byte) (int, error) {
	if len(message) > 0 && message[0] != typeServerHello {
		return 0, errNotServerHello
	}
	if len(message) < handshakeHeaderLen {
		return 0, nil
	}
	length := int(binary.BigEndian.Uint32(message) & 0xffffff)
	switch {
	case length < minServerHello:
		return 0, errShortServerHello
	case length > maxServerHello:
		return 0, ErrTooLarge
	}
	return handshakeHeaderLen + length, nil
}

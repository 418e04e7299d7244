// SPDX-License-Identifier: Apache-2.0

package hellotest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Types of extensions, for [Extension].
const (
	TypeServerName          = 0
	TypeGroups              = 10
	TypePointFormats        = 11
	TypeSignatureAlgorithms = 13
	TypeALPN                = 16
	TypePadding             = 21
	TypePreSharedKey        = 41
	TypeEarlyData           = 42
	TypeSupportedVersions   = 43
	TypeKeyShare            = 51
	TypeECH                 = 0xfe0d
)

const (
	recordHandshake = 22
	clientHello     = 1
	hostName        = 0
	maxFragment     = 16384
)

// A ClientHello is encoded without any validation, so that it can have any fault. Lengths are
// computed from the fields. Encoding panics if a field is too long for its length.
type ClientHello struct {
	Version      uint16 // the legacy version
	SessionID    []byte
	CipherSuites []byte
	Compressions []byte
	Extensions   []byte // concatenated results of [Extension] and the like; nil omits the block
	Trailer      []byte // bytes after the extensions, within the message
}

// Plain returns a valid ClientHello of TLS 1.2 with a session ID of 32 bytes, two cipher suites and
// the given extensions. Without any it omits the block of extensions.
func Plain(extensions ...[]byte) ClientHello {
	h := ClientHello{
		Version:      0x0303,
		SessionID:    bytes.Repeat([]byte{7}, 32),
		CipherSuites: Uint16s(0x1301, 0xc02f),
		Compressions: []byte{0},
	}
	if len(extensions) > 0 {
		h.Extensions = slices.Concat(extensions...)
	}
	return h
}

// Pad appends a padding extension (RFC 7685) that makes the body size bytes long. It panics if size
// is too small.
func (h ClientHello) Pad(size int) ClientHello {
	if h.Extensions == nil {
		h.Extensions = []byte{}
	}
	missing := size - len(h.Body()) - len(Extension(TypePadding, nil))
	h.Extensions = slices.Concat(h.Extensions, Extension(TypePadding, make([]byte, missing)))
	return h
}

// Body returns the hello without a header. Its random is constant.
func (h ClientHello) Body() []byte {
	b := Uint16s(h.Version)
	b = append(b, bytes.Repeat([]byte{9}, 32)...)
	b = append(b, Vector8(h.SessionID)...)
	b = append(b, Vector16(h.CipherSuites)...)
	b = append(b, Vector8(h.Compressions)...)
	if h.Extensions != nil {
		b = append(b, Vector16(h.Extensions)...)
	}
	return append(b, h.Trailer...)
}

// Message returns the hello as a handshake message with its header, without a record header.
func (h ClientHello) Message() []byte {
	return Handshake(clientHello, h.Body())
}

// Raw returns the hello as a client sends it, in as few records as possible.
func (h ClientHello) Raw() []byte {
	return Records(h.Message())
}

// Handshake returns a handshake message (RFC 8446, section 4): its header and the body. A
// ClientHello has type 1.
func Handshake(kind byte, body []byte) []byte {
	mustFit(body, 0xffffff)
	length := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	length[0] = kind
	return append(length, body...)
}

// Record returns a record (RFC 8446, section 5.1) of version 0x0301 with the fragment. Handshake
// records have type 22, alerts 21, application data 23. The fragment may have up to 65535 bytes,
// valid or not.
func Record(kind byte, fragment []byte) []byte {
	return append([]byte{kind, 3, 1}, Vector16(fragment)...)
}

// Records splits a handshake message into records whose fragments have the given sizes, repeating
// the last: Records(message, 1) has a record for each byte. Without sizes, there are as few records
// as possible. A size of zero makes an empty record; the last size must not be zero.
func Records(message []byte, sizes ...int) []byte {
	if len(sizes) == 0 {
		sizes = []int{maxFragment}
	}
	if last := sizes[len(sizes)-1]; last < 1 {
		panic(fmt.Sprintf("hellotest: records of %d bytes never end", last))
	}
	var b []byte
	for len(message) > 0 {
		n := min(sizes[0], len(message))
		b = append(b, Record(recordHandshake, message[:n])...)
		message = message[n:]
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
	}
	return b
}

// Extension returns an extension of any type with any content.
func Extension(kind uint16, data []byte) []byte {
	return append(Uint16s(kind), Vector16(data)...)
}

// SNI returns a server_name extension (RFC 6066, section 3) with host names. More than one is
// invalid.
func SNI(names ...string) []byte {
	var list []byte
	for _, name := range names {
		list = append(list, SNIEntry(hostName, name)...)
	}
	return Extension(TypeServerName, Vector16(list))
}

// SNIEntry returns an entry of the list in a server_name extension. Host names have type 0.
func SNIEntry(nameType byte, name string) []byte {
	return append([]byte{nameType}, Vector16([]byte(name))...)
}

// ALPN returns an application_layer_protocol_negotiation extension (RFC 7301).
func ALPN(protocols ...string) []byte {
	var list []byte
	for _, protocol := range protocols {
		list = append(list, Vector8([]byte(protocol))...)
	}
	return Extension(TypeALPN, Vector16(list))
}

// SupportedVersions returns a supported_versions extension (RFC 8446, section 4.2.1).
func SupportedVersions(versions ...uint16) []byte {
	return Extension(TypeSupportedVersions, Vector8(Uint16s(versions...)))
}

// Groups returns a supported_groups extension (RFC 8446, section 4.2.7).
func Groups(groups ...uint16) []byte {
	return Extension(TypeGroups, Vector16(Uint16s(groups...)))
}

// PointFormats returns an ec_point_formats extension (RFC 8422, section 5.1.2).
func PointFormats(formats ...byte) []byte {
	return Extension(TypePointFormats, Vector8(formats))
}

// SignatureAlgorithms returns a signature_algorithms extension (RFC 8446, section 4.2.3).
func SignatureAlgorithms(schemes ...uint16) []byte {
	return Extension(TypeSignatureAlgorithms, Vector16(Uint16s(schemes...)))
}

// KeyShares returns a key_share extension (RFC 8446, section 4.2.8) with a share for each of the
// groups. The keys are 32 arbitrary bytes, whatever the group.
func KeyShares(groups ...uint16) []byte {
	var list []byte
	for _, group := range groups {
		list = append(list, KeyShare(group, bytes.Repeat([]byte{5}, 32))...)
	}
	return Extension(TypeKeyShare, Vector16(list))
}

// KeyShare returns an entry of the list in a key_share extension.
func KeyShare(group uint16, key []byte) []byte {
	return append(Uint16s(group), Vector16(key)...)
}

// Uint16s returns the encoding of numbers, two bytes each, without a length.
func Uint16s(values ...uint16) []byte {
	b := make([]byte, 0, 2*len(values))
	for _, value := range values {
		b = binary.BigEndian.AppendUint16(b, value)
	}
	return b
}

// Vector8 returns b with its length before it in one byte (RFC 8446, section 3.4). It panics if b
// is too long.
func Vector8(b []byte) []byte {
	mustFit(b, 0xff)
	return append([]byte{byte(len(b))}, b...)
}

// Vector16 returns b with its length before it in two bytes. It panics if b is too long.
func Vector16(b []byte) []byte {
	mustFit(b, 0xffff)
	return append(Uint16s(uint16(len(b))), b...)
}

func mustFit(b []byte, most int) {
	if len(b) > most {
		panic(fmt.Sprintf("hellotest: vector of %d bytes, expected at most %d", len(b), most))
	}
}

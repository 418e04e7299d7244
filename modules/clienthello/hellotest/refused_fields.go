// SPDX-License-Identifier: Apache-2.0

package hellotest

import (
	"bytes"
	"slices"
)

// refusedFields returns faults in the fields before the extensions.
func refusedFields() []Refusal {
	const (
		session      = "session id cut off or longer than 32 bytes"
		suites       = "cipher suites cut off, empty or of odd length"
		compressions = "compression methods cut off or empty"
	)
	const beforeSession, beforeSuites = 2 + 32, 2 + 32 + 1 + 32
	fixed := Plain().Body() // version, random, session id, suites, compressions
	beforeCompressions := len(fixed) - 2
	body := func(parts ...[]byte) []byte { return Records(Handshake(clientHello, slices.Concat(parts...))) }

	return []Refusal{
		malformed(session, "session id of 33 bytes", faulty(func(h *ClientHello) { h.SessionID = make([]byte, 33) })),
		malformed(session, "session id of 255 bytes", faulty(func(h *ClientHello) { h.SessionID = make([]byte, 255) })),
		malformed(session, "session id cut off", body(fixed[:beforeSession], []byte{32, 1, 2, 3, 4, 5, 6, 7})),

		malformed(suites, "no cipher suites", faulty(func(h *ClientHello) { h.CipherSuites = nil })),
		malformed(suites, "odd cipher suites", faulty(func(h *ClientHello) { h.CipherSuites = []byte{0x13, 1, 0x13} })),
		malformed(suites, "one byte of a cipher suite", faulty(func(h *ClientHello) { h.CipherSuites = []byte{0x13} })),
		malformed(suites, "cipher suites cut off", body(fixed[:beforeSuites], []byte{0xff, 0xfe, 0x13, 1})),
		malformed(suites, "half a length of cipher suites", body(fixed[:beforeSuites], []byte{0})),
		malformed(suites, "cipher suites missing", body(fixed[:beforeSuites])),

		malformed(compressions, "no compression methods", faulty(func(h *ClientHello) { h.Compressions = nil })),
		malformed(compressions, "compression methods cut off", body(fixed[:beforeCompressions], []byte{2, 0})),
		malformed(compressions, "compression methods missing", body(fixed[:beforeCompressions])),
	}
}

// faulty returns a hello after a change.
func faulty(change func(*ClientHello)) []byte {
	h := wellKnown()
	change(&h)
	return h.Raw()
}

// refusedBlocks returns faults in the length of the extensions.
func refusedBlocks() []Refusal {
	const block = "extensions do not end where the ClientHello ends"
	trailing := func(extensions []byte, trailer ...byte) []byte {
		return faulty(func(h *ClientHello) { h.Extensions, h.Trailer = extensions, trailer })
	}
	sni := SNI("a.example")

	return []Refusal{
		malformed(block, "extensions of one byte", trailing(nil, 0)),
		malformed(block, "extensions cut off", trailing(nil, 0, 1)),
		malformed(block, "extensions longer than the hello", trailing(nil, append([]byte{0xff, 0xff}, sni...)...)),
		malformed(block, "extensions shorter than the hello", trailing(nil, append([]byte{0, 4}, sni...)...)),
		malformed(block, "byte after empty extensions", trailing([]byte{}, 0)),
		malformed(block, "byte after the extensions", trailing(sni, 0)),
		malformed(block, "second message in the length", trailing(sni, wellKnown().Message()...)),
		malformed(block, "second block of extensions", trailing(sni, Vector16(ALPN("h2"))...)),
		malformed(block, "padding after the extensions", trailing(sni, make([]byte, 1000)...)),
	}
}

// refusedExtensions returns extensions that are cut off.
func refusedExtensions() []Refusal {
	const past = "extension runs past the end of the extensions"
	sni := SNI("a.example")
	block := func(parts ...[]byte) []byte { return Plain(parts...).Raw() }

	return []Refusal{
		malformed(past, "extension of one byte", block([]byte{0})),
		malformed(past, "extension without length", block([]byte{0, 5})),
		malformed(past, "extension with half a length", block([]byte{0, 5, 0})),
		malformed(past, "extension too long", block([]byte{0, 5, 0, 1})),
		malformed(past, "unknown extension too long", block(sni, []byte{0xab, 0xcd, 0xff, 0xff, 0})),
		malformed(past, "server_name longer than the extensions", block([]byte{0, 0, 0xff, 0xff}, sni[4:])),
		malformed(past, "last extension one byte too long", block(sni, []byte{0, 35, 0, 2, 0})),
		malformed(past, "three bytes after the last extension", block(sni, []byte{0, 23, 0})),
	}
}

// refusedRepeats returns extensions that are present twice.
func refusedRepeats() []Refusal {
	const twice = "extension present twice"
	sni := SNI("a.example")
	block := func(parts ...[]byte) []byte { return Plain(parts...).Raw() }
	again := func(extension []byte) []byte { return block(sni, extension, ALPN("h2"), extension) }

	return []Refusal{
		malformed(twice, "server_name twice", block(sni, sni)),
		malformed(twice, "server_name twice, with other names", block(sni, ALPN("h2"), SNI("b.example"))),
		malformed(twice, "nameless server_name twice", block(
			bytes.Repeat(Extension(TypeServerName, Vector16(SNIEntry(1, "x"))), 2))),
		malformed(twice, "ALPN twice", block(ALPN("h2"), sni, ALPN("h2"))),
		malformed(twice, "supported_versions twice", block(SupportedVersions(0x0304), SupportedVersions(0x0303))),
		malformed(twice, "supported_groups twice", again(Groups(0x001d))),
		malformed(twice, "ec_point_formats twice", again(PointFormats(0))),
		malformed(twice, "signature_algorithms twice", again(SignatureAlgorithms(0x0403))),
		malformed(twice, "key_share twice", again(KeyShares(0x001d))),
		malformed(twice, "pre_shared_key twice", again(Extension(TypePreSharedKey, nil))),
		malformed(twice, "early_data twice", again(Extension(TypeEarlyData, nil))),
		malformed(twice, "encrypted_client_hello twice", again(Extension(TypeECH, []byte{0}))),
		malformed(twice, "padding twice", again(Extension(TypePadding, make([]byte, 9)))),
		malformed(twice, "GREASE twice", again(Extension(0x3a3a, nil))),
		malformed(twice, "unknown extension twice", again(Extension(4711, nil))),
		malformed(twice, "unknown extension twice, with other data", block(Extension(4711, nil), Extension(4711, []byte{1}))),
		malformed(twice, "extension 63 twice", again(Extension(63, nil))),
		malformed(twice, "extension 64 twice", again(Extension(64, nil))),
		malformed(twice, "extension 65535 twice", again(Extension(65535, nil))),
		malformed(twice, "extension 4711 again after 10000 others", block(
			Extension(4711, nil), manyExtensions(20_000, 10_000), Extension(4711, nil))),
		malformed(twice, "10000 extensions of one type", block(bytes.Repeat(Extension(4711, nil), 10_000))),
	}
}

// manyExtensions returns count empty extensions of consecutive types.
func manyExtensions(first uint16, count int) (b []byte) {
	for k := range count {
		b = append(b, Extension(first+uint16(k), nil)...)
	}
	return b
}

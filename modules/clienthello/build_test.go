// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"encoding/binary"
)

// A testHello is a ClientHello to be written with any fault: its fields are the bytes that the lengths count.
type testHello struct {
	version      uint16
	sessionID    []byte
	cipherSuites []byte
	compressions []byte
	extensions   []byte // nil: no block at all
	trailer      []byte
}

// plainHello is correct and has the given extensions.
func plainHello(extensions ...[]byte) testHello {
	h := testHello{
		version:      versionTLS12,
		sessionID:    bytes.Repeat([]byte{7}, 32),
		cipherSuites: []byte{0x13, 0x01, 0xc0, 0x2f},
		compressions: []byte{0},
	}
	if len(extensions) > 0 {
		h.extensions = concat(extensions...)
	}
	return h
}

func (h testHello) body() []byte {
	b := binary.BigEndian.AppendUint16(nil, h.version)
	b = append(b, bytes.Repeat([]byte{9}, 32)...)
	b = append(b, vector8(h.sessionID)...)
	b = append(b, vector16(h.cipherSuites)...)
	b = append(b, vector8(h.compressions)...)
	if h.extensions != nil {
		b = append(b, vector16(h.extensions)...)
	}
	return append(b, h.trailer...)
}

func (h testHello) message() []byte {
	return handshake(typeClientHello, h.body())
}

// raw is the hello in as few records as can be.
func (h testHello) raw() []byte {
	return records(h.message(), maxPlaintext)
}

func handshake(kind byte, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

func record(kind byte, fragment []byte) []byte {
	return append([]byte{kind, 3, 1, byte(len(fragment) >> 8), byte(len(fragment))}, fragment...)
}

// records cuts the message into records whose fragments have the given sizes, the last size repeatedly.
func records(message []byte, sizes ...int) []byte {
	var b []byte
	for len(message) > 0 {
		n := min(sizes[0], len(message))
		b = append(b, record(contentTypeHandshake, message[:n])...)
		message = message[n:]
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
	}
	return b
}

func extension(kind uint16, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, kind), vector16(data)...)
}

func sni(names ...string) []byte {
	var list []byte
	for _, name := range names {
		list = append(list, sniEntry(nameTypeHostName, name)...)
	}
	return extension(extensionServerName, vector16(list))
}

func sniEntry(nameType byte, name string) []byte {
	return append([]byte{nameType}, vector16([]byte(name))...)
}

func alpn(protocols ...string) []byte {
	var list []byte
	for _, protocol := range protocols {
		list = append(list, vector8([]byte(protocol))...)
	}
	return extension(extensionALPN, vector16(list))
}

func supportedVersions(versions ...uint16) []byte {
	var list []byte
	for _, version := range versions {
		list = binary.BigEndian.AppendUint16(list, version)
	}
	return extension(extensionSupportedVersions, vector8(list))
}

func vector8(b []byte) []byte {
	return append([]byte{byte(len(b))}, b...)
}

func vector16(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func concat(parts ...[]byte) []byte {
	return bytes.Join(parts, nil)
}

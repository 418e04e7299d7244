// SPDX-License-Identifier: Apache-2.0

package frontend

import "encoding/binary"

// Numbers of TLS in the hello of a browser.
const (
	helloSuites    = "\x13\x01\x13\x02\x13\x03\xc0\x2b\xc0\x2f"
	extServerName  = 0
	extGroups      = 10
	extSignatures  = 13
	extALPN        = 16
	extVersions    = 43
	extKeyShare    = 51
	groupX25519    = "\x00\x1d"
	signatures     = "\x04\x03\x08\x04\x08\x07"
	versions       = "\x03\x04\x03\x03"
	offeredByALPN  = "\x02h2\x08http/1.1"
	zeros          = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	recordHello    = "\x16\x03\x01"
	handshakeHello = "\x01\x00"
)

// browserHello returns the ClientHello of a browser that asks for a name, in one record: TLS 1.3
// and HTTP/2. It is made without randomness, since nothing answers it.
func browserHello(name string) []byte {
	var extensions []byte
	add := func(number uint16, data string) {
		extensions = append(binary.BigEndian.AppendUint16(extensions, number), vector16(data)...)
	}
	add(extServerName, vector16("\x00"+vector16(name)))
	add(extGroups, vector16(groupX25519))
	add(extSignatures, vector16(signatures))
	add(extALPN, vector16(offeredByALPN))
	add(extVersions, vector8(versions))
	add(extKeyShare, vector16(groupX25519+vector16(zeros)))
	const noSession, noCompression = "\x00", "\x01\x00"
	body := "\x03\x03" + zeros + noSession + vector16(helloSuites) + noCompression + vector16(string(extensions))
	return []byte(recordHello + vector16(handshakeHello+vector16(body)))
}

// vector8 returns data behind its length of one byte, vector16 behind one of two.
func vector8(data string) string { return string([]byte{byte(len(data))}) + data }

func vector16(data string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(data)))) + data
}

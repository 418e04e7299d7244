// SPDX-License-Identifier: Apache-2.0

package clienthello

import "encoding/binary"

const (
	contentTypeHandshake = 22 // RFC 8446, section 5.1
	recordHeaderLen      = 5
	maxPlaintext         = 16384

	// crypto/tls draws the same line: below it there are versions that TLS had or may have, above it there are the
	// letters of other protocols.
	maxRecordMajor = 0x0f
)

// readFirstByte tells TLS from SSLv2 and from anything else.
func (i *Inspection) readFirstByte() {
	switch first := i.received.array[0]; {
	case first == contentTypeHandshake:
		i.await((*Inspection).readFirstVersion, 2)
	case first&sslv2LengthFlag != 0:
		i.await((*Inspection).readSSLv2Length, 2)
	default:
		i.refuse(NotTLS, errFirstByte)
	}
}

// readFirstVersion reads the version of the first record. Clients disagree about it, RFC 8446 says to ignore it, and
// those of later records are ignored indeed.
func (i *Inspection) readFirstVersion() {
	if i.received.array[1] > maxRecordMajor {
		i.refuse(NotTLS, errVersion)
		return
	}
	i.spokeTLS = true
	i.goal = 1
	i.await((*Inspection).readRecordHeader, recordHeaderLen)
}

// readContentType reads the first byte of a record that has to continue the message. RFC 8446, section 5.1:
// "Handshake messages MUST NOT be interleaved with other record types."
func (i *Inspection) readContentType() {
	if i.received.array[i.position] != contentTypeHandshake {
		i.refuse(Malformed, errInterleaved)
		return
	}
	i.await((*Inspection).readRecordHeader, i.position+recordHeaderLen)
}

func (i *Inspection) readRecordHeader() {
	length := int(binary.BigEndian.Uint16(i.received.array[i.position+3:]))
	switch {
	case length == 0: // RFC 8446, section 5.1: "MUST NOT send zero-length fragments of Handshake types"
		i.refuse(Malformed, errEmptyRecord)
		return
	case length > maxPlaintext:
		i.refuse(Malformed, errLongRecord)
		return
	}
	i.position += recordHeaderLen
	i.fragment = i.position
	i.recordEnd = i.position + length
	i.awaitMessage(i.goal)
}

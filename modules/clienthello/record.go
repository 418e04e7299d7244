// SPDX-License-Identifier: Apache-2.0

package clienthello

const (
	contentTypeHandshake = 22 // RFC 8446, section 5.1
	recordHeaderLen      = 5
	maxPlaintext         = 16384

	// crypto/tls draws the same line: below it there are versions that TLS had or may have, above it
	// there are the letters of other protocols.
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

// readFirstVersion reads the version of the first record. Clients disagree about it, RFC 8446 says
// to ignore it, and those of later records are ignored indeed.
func (i *Inspection) readFirstVersion() {
	if i.received.array[1] > maxRecordMajor {
		i.refuse(NotTLS, errVersion)
		return
	}
	i.spokeTLS = true
	i.goal = 1
	i.await((*Inspection).readRecords, recordHeaderLen)
}

// readRecords goes through the records as far as there are bytes, and decides whenever a goal of
// the message is reached. It is one loop, since a client may put each byte in a record of its own.
func (i *Inspection) readRecords() {
	for i.outcome == Pending {
		if i.position == i.recordEnd && !i.readHeader() {
			return
		}
		goal := i.fragment + i.goal - i.before // as a position, if this record is long enough
		end := min(goal, i.recordEnd)
		if end > i.received.filled {
			i.wake = end
			return
		}
		i.position = end
		if end == goal {
			i.readMessage()
		}
	}
}

// readHeader reads the header of the next record. It is false if that is not there yet, or wrong.
func (i *Inspection) readHeader() bool {
	header := i.received.array[i.position:i.received.filled]
	if len(header) < recordHeaderLen {
		i.awaitHeader(header)
		return false
	}
	length := int(header[3])<<8 | int(header[4])
	if header[0] != contentTypeHandshake || length == 0 || length > maxPlaintext {
		i.refuse(Malformed, wrongHeader(header[0], length))
		return false
	}
	i.before += i.position - i.fragment
	i.position += recordHeaderLen
	i.fragment = i.position
	i.recordEnd = i.position + length
	return true
}

func (i *Inspection) awaitHeader(present []byte) {
	switch {
	case len(present) == 0:
		i.wake = i.position + 1
	case present[0] != contentTypeHandshake:
		i.refuse(Malformed, errInterleaved)
	default:
		i.wake = i.position + recordHeaderLen
	}
}

// wrongHeader says what of RFC 8446, section 5.1 a header offends against.
func wrongHeader(contentType byte, length int) error {
	switch {
	case contentType != contentTypeHandshake: // "Handshake messages MUST NOT be interleaved with other record types."
		return errInterleaved
	case length == 0: // "MUST NOT send zero-length fragments of Handshake types"
		return errEmptyRecord
	default: // "The length MUST NOT exceed 2^14 bytes."
		return errLongRecord
	}
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

const (
	contentTypeHandshake = 22 // RFC 8446, section 5.1
	recordHeaderLen      = 5
	maxPlaintext         = 16384

	// The same limit as in crypto/tls: lower numbers are past or future versions of TLS, higher ones
	// are letters of other protocols.
	maxRecordMajor = 0x0f
)

// readFirstByte distinguishes TLS, SSLv2 and other protocols.
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

// readFirstVersion checks the major version of the first record, to recognize other protocols.
// Clients send different versions, and RFC 8446 says to ignore them; those of later records are
// ignored.
func (i *Inspection) readFirstVersion() {
	if i.received.array[1] > maxRecordMajor {
		i.refuse(NotTLS, errVersion)
		return
	}
	i.spokeTLS = true
	i.goal = 1
	i.await((*Inspection).readRecords, recordHeaderLen)
}

// readRecords parses records as far as bytes have come, and calls readMessage whenever the goal is
// reached. It is a loop, not a step for each record, since a client may put each byte in a record
// of its own.
func (i *Inspection) readRecords() {
	for i.outcome == Pending {
		if i.position == i.recordEnd && !i.readHeader() {
			return
		}
		goal := i.fragment + i.goal - i.before // as a position, if the record reaches that far
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

// readHeader parses the header of the next record. It returns false if the header is incomplete or
// invalid.
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

// wrongHeader returns the error for a header that violates RFC 8446, section 5.1.
func wrongHeader(contentType byte, length int) error {
	switch {
	case contentType != contentTypeHandshake:
		// "Handshake messages MUST NOT be interleaved with other record types."
		return errInterleaved
	case length == 0: // "MUST NOT send zero-length fragments of Handshake types"
		return errEmptyRecord
	default: // "The length MUST NOT exceed 2^14 bytes."
		return errLongRecord
	}
}

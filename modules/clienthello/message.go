// SPDX-License-Identifier: Apache-2.0

package clienthello

import "encoding/binary"

const (
	typeClientHello    = 1 // RFC 8446, section 4
	handshakeHeaderLen = 4

	// Version, random, an empty session ID, one cipher suite and one compression method.
	minHello = 2 + 32 + 1 + 2 + 2 + 1 + 1
)

// readMessage runs when the goal is reached: it checks the type, then the length, then parses the
// whole message.
func (i *Inspection) readMessage() {
	message := i.message()
	switch i.goal {
	case 1:
		if message[0] != typeClientHello {
			i.refuse(Malformed, errNotClientHello)
			return
		}
		i.goal = handshakeHeaderLen
	case handshakeHeaderLen:
		i.readMessageLength(message)
	default:
		i.readHello(message[handshakeHeaderLen:])
	}
}

func (i *Inspection) readMessageLength(message []byte) {
	length := int(binary.BigEndian.Uint32(message) & 0xffffff)
	i.goal = handshakeHeaderLen + length
	switch {
	case length > i.limit:
		i.refuse(TooLarge, ErrTooLarge)
	case length < minHello:
		i.refuse(Malformed, errShortHello)
	}
}

func (i *Inspection) readHello(body []byte) {
	if detail := i.hello.parse(body); detail != nil {
		i.refuse(Malformed, detail)
		return
	}
	i.outcome = Found
	i.received.pinned = true
}

// message returns the handshake message up to the goal. It does not copy a message that lies within
// one record.
func (i *Inspection) message() []byte {
	if i.before == 0 {
		return i.received.array[i.fragment:i.position]
	}
	i.joined.reserve(i.goal)
	for at := 0; at < i.position; {
		header := i.received.array[at : at+recordHeaderLen]
		from := at + recordHeaderLen
		at = from + (int(header[3])<<8 | int(header[4]))
		i.joined.append(i.received.array[from:min(at, i.position)])
	}
	return i.joined.bytes()
}

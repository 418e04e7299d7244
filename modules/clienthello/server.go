// SPDX-License-Identifier: Apache-2.0

package clienthello

import "encoding/binary"

// ParseServer looks at the first bytes of a server that has got a ClientHello. It returns the
// version of TLS that the server has chosen in its ServerHello, such as 0x0304, or 0; and the
// fatal alert by which it refused the handshake, plus 1, or 0. If the ServerHello is not there as a
// whole, the version may be that of TLS 1.2 although it is 1.3.
func ParseServer(b []byte) (version uint16, alert uint8) {
	switch {
	case len(b) < 7 || b[1] != 3:
		return 0, 0
	case b[0] == 21 && b[3] == 0 && b[4] == 2 && b[5] == 2: // a fatal alert in plain text
		return 0, b[6] + 1
	case b[0] == 22 && b[5] == 2 && len(b) >= 11 && b[9] == 3:
		return serverVersion(b[9:]), 0
	}
	return 0, 0
}

// IsRecord reports whether bytes can be the beginning of a TLS record.
func IsRecord(b []byte) bool {
	return len(b) > 0 && b[0] >= 20 && b[0] <= 24 && (len(b) == 1 || b[1] == 3)
}

// serverVersion returns the version in the body of a ServerHello: that of the extension
// supported_versions, or else its own.
func serverVersion(b []byte) uint16 {
	version := binary.BigEndian.Uint16(b)
	const sessionID = 2 + 32
	if len(b) <= sessionID {
		return version
	}
	at := sessionID + 1 + int(b[sessionID]) + 3 + 2 // cipher suite, compression, length of extensions
	for at+4 <= len(b) {
		kind, size := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if at += 4; kind == 43 && size == 2 && at+2 <= len(b) && b[at] == 3 {
			return binary.BigEndian.Uint16(b[at:])
		}
		at += size
	}
	return version
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

import "fmt"

const (
	versionSSL3  = 0x0300
	versionTLS10 = 0x0301
	versionTLS11 = 0x0302
	versionTLS12 = 0x0303
	versionTLS13 = 0x0304
)

// VersionName returns the name of a protocol version in configurations, logs and placeholders:
// "1.3", "1.2", "1.1", "1.0", "ssl3", or "0x" and four hexadecimal digits for any other.
func VersionName(version uint16) string {
	switch version {
	case versionTLS13:
		return "1.3"
	case versionTLS12:
		return "1.2"
	case versionTLS11:
		return "1.1"
	case versionTLS10:
		return "1.0"
	case versionSSL3:
		return "ssl3"
	default:
		return fmt.Sprintf("0x%04x", version)
	}
}

// higherVersion returns the higher of two offered versions. A draft such as 0x7f1c ranks below TLS
// 1.3 although its number is higher, and GREASE ranks below everything.
func higherVersion(a, b uint16) uint16 {
	if isGREASE(b) || (isTLS(a) && !isTLS(b)) {
		return a
	}
	if isTLS(b) && !isTLS(a) {
		return b
	}
	return max(a, b)
}

func isTLS(version uint16) bool {
	return version>>8 == 3
}

// isGREASE reports whether a value is one of the sixteen that RFC 8701 reserves: 0x0a0a, 0x1a1a ...
// 0xfafa.
func isGREASE(value uint16) bool {
	return value&0x0f0f == 0x0a0a && value>>8 == value&0xff
}

// SPDX-License-Identifier: Apache-2.0

package clienthello

// isPostQuantum reports whether a group has a post-quantum part. The numbers are IANA's (TLS
// Supported Groups), and those that browsers used for drafts.
func isPostQuantum(group uint16) bool {
	switch group {
	case 0x0200, 0x0201, 0x0202, // ML-KEM-512, -768 and -1024
		0x11eb, // SecP256r1MLKEM768
		0x11ec, // X25519MLKEM768
		0x11ed, // SecP384r1MLKEM1024
		0x11ee, // curveSM2MLKEM768
		0x6399, // X25519Kyber768Draft00
		0x639a, // SecP256r1Kyber768Draft00
		0xfe30, // X25519Kyber512Draft00
		0xfe31, // X25519Kyber768Draft00, before IANA gave it a number
		0xfe32: // P256Kyber768Draft00
		return true
	}
	return false
}

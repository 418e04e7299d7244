// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/binary"
	"net/netip"
)

// foldAddress returns the XOR of an address's 32-bit parts. An IPv4-mapped IPv6 address is hashed
// as IPv6.
func foldAddress(a netip.Addr) (h uint32) {
	for b := a.AsSlice(); len(b) > 0; b = b[4:] {
		h ^= binary.BigEndian.Uint32(b)
	}
	return h
}

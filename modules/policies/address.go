// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/binary"
	"net/netip"
)

// foldAddress is an address of either family in 32 bits. An IPv4 address within one of
// IPv6 is hashed as the latter.
func foldAddress(a netip.Addr) (h uint32) {
	for b := a.AsSlice(); len(b) > 0; b = b[4:] {
		h ^= binary.BigEndian.Uint32(b)
	}
	return h
}

// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"encoding/binary"
	"net/netip"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// keyOf returns a value as a key of a table, with HAProxy's casts, or false if it cannot be one. A
// key may be longer than the table's keys, which the table cuts.
func keyOf(v sample.Value, t tables.Type) ([]byte, bool) {
	switch t {
	case tables.IP, tables.IPv6:
		a := addressOf(v)
		if t == tables.IP {
			a = a.Unmap()
			return a.AsSlice(), a.Is4()
		}
		return a.AsSlice(), a.IsValid()
	case tables.Integer:
		n, ok := v.AsInteger()
		return binary.BigEndian.AppendUint32(nil, uint32(n)), ok
	case tables.Binary:
		return v.AsBinary()
	default:
		if v.Kind() == sample.Str {
			return v.Bytes(), true
		}
		return []byte(v.String()), v.Kind() != sample.None
	}
}

// addressOf returns a value as an address, or the zero address.
func addressOf(v sample.Value) netip.Addr {
	switch v.Kind() {
	case sample.Int:
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(v.Int()))))
	case sample.Str:
		a, _ := netip.ParseAddr(v.String())
		return a
	default:
		return v.Addr()
	}
}

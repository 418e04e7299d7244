// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// ErrInvalidKey means that a text is no key of the table's type.
var ErrInvalidKey = errors.New("invalid key")

// ParseKey returns the key of a table that a text means: an address, a number, a string with
// the escapes of [printable.Text], or bytes in hexadecimal.
func ParseKey(c tables.Config, text string) ([]byte, error) {
	switch c.Type {
	case tables.IP, tables.IPv6:
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%w %q: expected an address: %w", ErrInvalidKey, text, err)
		}
		if c.Type == tables.IPv6 {
			return address.WithZone("").AppendBinary(nil)
		}
		if address = address.Unmap(); !address.Is4() {
			return nil, fmt.Errorf("%w %q: expected an IPv4 address", ErrInvalidKey, text)
		}
		return address.AsSlice(), nil
	case tables.Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w %q: expected a number", ErrInvalidKey, text)
		}
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
	case tables.Binary:
		key, err := hex.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%w %q: expected hexadecimal digits", ErrInvalidKey, text)
		}
		return key, nil
	default:
		return printable.Bytes(text), nil
	}
}

// FormatKey returns the text of a key: as HAProxy shows it, but for the escapes of strings.
func FormatKey(t tables.Type, key []byte) string {
	switch t {
	case tables.IP, tables.IPv6:
		address, _ := netip.AddrFromSlice(key)
		return address.String()
	case tables.Integer:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(key)), 10)
	case tables.Binary:
		return hex.EncodeToString(key)
	default:
		return printable.Text(string(key))
	}
}

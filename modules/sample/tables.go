// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/binary"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Tables gives expressions the stick tables, and the entries that the connection tracks.
type Tables interface {
	// Table returns the table of a name, or nil. "" is that of the section that contains the
	// expression.
	Table(name string) *tables.Table

	// Tracked returns the entry that a counter of the connection tracks, or the zero Ref.
	Tracked(counter int) tables.Ref
}

// table returns the table of a name, or nil.
func (in *Input) table(name string) *tables.Table {
	if in.Tables == nil {
		return nil
	}
	return in.Tables.Table(name)
}

// tracked returns the entry that a counter tracks, or the zero Ref.
func (in *Input) tracked(counter int) tables.Ref {
	if in.Tables == nil {
		return tables.Ref{}
	}
	return in.Tables.Tracked(counter)
}

// keyTypes maps the types of tables to the types that values are cast to.
var keyTypes = map[tables.Type]valueType{
	tables.IP:      typeIPv4,
	tables.IPv6:    typeIPv6,
	tables.Integer: typeInt,
	tables.String:  typeStr,
	tables.Binary:  typeBin,
}

// Key returns the value as a key of a table, with HAProxy's casts, or false if it cannot be one: an
// IPv6 address other than an IPv4-mapped one is no key of a table of the type ip, and neither is a
// string that is no address. The key may be a view of the value's bytes, and longer than the
// table's keys, which the table cuts.
func (v Value) Key(c tables.Config) ([]byte, bool) {
	v, ok := cast(v, keyTypes[c.Type])
	if !ok {
		return nil, false
	}
	switch c.Type {
	case tables.IP, tables.IPv6:
		return v.addr.AsSlice(), true
	case tables.Integer:
		return binary.BigEndian.AppendUint32(nil, uint32(v.number)), true
	default: // the table cuts it, and pads it if it is binary
		return v.data, true
	}
}

// KeyOf reports whether values of the expression can be keys of a table of a type. As in HAProxy, a
// value may still turn out not to be one.
func (e *Expression) KeyOf(t tables.Type) bool { return e.out.castsTo(keyTypes[t]) }

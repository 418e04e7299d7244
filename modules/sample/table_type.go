// SPDX-License-Identifier: Apache-2.0

package sample

import "github.com/caddy-passthrough/caddy-passthrough/modules/tables"

// TableType returns the type of a stick table that suits the values of the expression.
func (e *Expression) TableType() tables.Type {
	switch e.out {
	case typeBool, typeInt:
		return tables.Integer
	case typeAddr, typeIPv4, typeIPv6:
		return tables.IPv6
	case typeBin:
		return tables.Binary
	default:
		return tables.String
	}
}

// SuitsTable reports whether values of the expression can be keys of a stick table of a type, by
// HAProxy's rules of casts. A value may still turn out not to be one.
func (e *Expression) SuitsTable(t tables.Type) bool {
	return e.out.castsTo(map[tables.Type]valueType{
		tables.IP: typeIPv4, tables.IPv6: typeIPv6, tables.Integer: typeInt, tables.String: typeStr, tables.Binary: typeBin,
	}[t])
}

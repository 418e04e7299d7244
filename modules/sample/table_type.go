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

// SPDX-License-Identifier: Apache-2.0

package sample

import "strings"

// Configured reports whether all values of the expression are from the configuration and its files:
// whether it is a constant, or ends with a lookup in a map.
func (e *Expression) Configured() bool {
	if n := len(e.converters); n > 0 {
		name := e.converters[n-1].name
		return (name == "map" || strings.HasPrefix(name, "map_")) && !strings.HasPrefix(name, "map_regm")
	}
	switch e.name {
	case "int", "str", "ipv4", "ipv6", "env":
		return true
	default:
		return false
	}
}

// CastsToAddress reports whether a value of the expression may be an address.
func (e *Expression) CastsToAddress() bool { return e.out.castsTo(typeAddr) }

// CastsToInteger reports whether a value of the expression may be a number.
func (e *Expression) CastsToInteger() bool { return e.out.castsTo(typeInt) }

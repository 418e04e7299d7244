// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Stores reports whether the entries of a table store a value, or its rate if it is a general
// counter. As in HAProxy, gpc0 may be the first element of an array, and so on.
func Stores(c tables.Config, value tables.Data, index int) bool {
	return slices.ContainsFunc(c.Store, func(s tables.Store) bool {
		switch value {
		case tables.GPC0, tables.GPC0Rate:
			return s.Data == value || s.Data == tables.GPC0Rate || s.Data == tables.GPC || s.Data == tables.GPCRate
		case tables.GPC1, tables.GPC1Rate:
			return s.Data == value || s.Data == tables.GPC1Rate || (s.Data == tables.GPC || s.Data == tables.GPCRate) && s.Count > 1
		case tables.GPT0:
			return s.Data == tables.GPT0 || s.Data == tables.GPT
		case tables.GPC:
			return (s.Data == tables.GPC || s.Data == tables.GPCRate) && index < s.Count
		case tables.GPCRate, tables.GPT:
			return s.Data == value && index < s.Count
		default:
			return s.Data == value
		}
	})
}

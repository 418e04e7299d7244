// SPDX-License-Identifier: Apache-2.0

package sample

import "github.com/caddy-passthrough/caddy-passthrough/modules/tables"

// tableFetches are the fetches of a stick table as a whole.
var tableFetches = map[string]fetch{
	"table_avl": {
		args: takes(1, argTable), out: typeInt, note: "the number of further entries that the table has room for", table: tableAt(0),
		build: buildTable(func(t *tables.Table) int { return t.Config().Size - t.Len() }),
	},
	"table_cnt": {
		args: takes(1, argTable), out: typeInt, note: "the number of entries of the table", table: tableAt(0),
		build: buildTable((*tables.Table).Len),
	},
}

func buildTable(read func(*tables.Table) int) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		return func(in *Input) result {
			t := in.table(a.text(0))
			if t == nil {
				return noValue
			}
			return found(Integer(int64(read(t))))
		}, nil
	}
}

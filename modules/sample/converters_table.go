// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// tableConverters returns the converters that look for the entry of a value in a table. Without an
// entry they are 0; a counter that the entry does not store gives no value.
func tableConverters() map[string]converter {
	group := map[string]converter{
		"in_table":        tableConverter(typeBool, "whether the table has an entry of the value", buildInTable),
		"table_trackers":  tableConverter(typeInt, "how many connections track the entry of the value", rowConverter(func(row tables.Row) int64 { return int64(row.Uses()) })),
		"table_server_id": tableConverter(typeInt, "the number of the server that is stored for the value", buildServerID),
		"table_expire":    timeConverter("the milliseconds after which the entry of the value expires, or a default", untilExpiry),
		"table_idle":      timeConverter("the milliseconds since the entry of the value was last used, or a default", sinceUse),
	}
	for name, c := range counters {
		addCounterConverter(group, "table_"+name, c, counter{}, finds, readCounter)
	}
	for name, c := range generalCounters {
		addCounterConverter(group, "table_"+name, c, counter{}, finds, readCounter)
		if rate, ok := rates[name]; ok {
			addCounterConverter(group, "table_inc_"+name, c, rate, creates, incrementCounter)
			addCounterConverter(group, "table_clr_"+name, c, counter{}, creates, clearCounter)
		}
	}
	return group
}

// tableConverter returns a converter whose argument is a table.
func tableConverter(out valueType, note string, build func(table string) convertFunc) converter {
	return converter{
		args: takes(1, argTable), in: typeAny, out: out, note: note, table: tableAt(0),
		build: func(_ *Loader, a args) (convertFunc, error) { return build(a.text(0)), nil },
	}
}

func buildInTable(table string) convertFunc {
	return func(in *Input, v Value, _ bool) (Value, bool) {
		is := lookFor(in, table, v, finds, func(tables.Row) {})
		return Boolean(is == present), is != untracked
	}
}

// lookFor finds, or creates, the entry of a value in a table. One that cannot be a key has none.
func lookFor(in *Input, table string, v Value, mode lookupMode, f func(tables.Row)) presence {
	t := in.table(table)
	if t == nil {
		return untracked
	}
	return max(absent, entryOf(in, t, v, mode, f))
}

// rowConverter returns a converter that reads a row; without one it is 0.
func rowConverter(read func(tables.Row) int64) func(string) convertFunc {
	return func(table string) convertFunc {
		return func(in *Input, v Value, _ bool) (Value, bool) {
			n := int64(0)
			is := lookFor(in, table, v, finds, func(row tables.Row) { n = read(row) })
			return Integer(n), is != untracked
		}
	}
}

// addCounterConverter adds a converter that does something with a counter.
func addCounterConverter(group map[string]converter, name string, c, rate counter, mode lookupMode, action counterAction) {
	list, position := takes(1, argTable), 0
	if c.general {
		list, position = takes(2, argInt, argTable), 1
	}
	group[name] = converter{
		args: list, in: typeAny, out: typeInt, note: c.note + ", for the value in a table", table: tableAt(position), changes: mode == creates,
		value: func(a args) (counter, int) { return c.at(a[0].number), 0 },
		build: func(_ *Loader, a args) (convertFunc, error) {
			c, rate, table := c.at(a[0].number), rate.at(a[0].number), a.text(position)
			return func(in *Input, v Value, _ bool) (Value, bool) {
				n, ok := int64(0), true
				is := lookFor(in, table, v, mode, func(row tables.Row) { n, ok = action.do(in, c, rate, row) })
				if is == wouldExist {
					n = action.onNew()
				}
				return Integer(n), ok && is != untracked
			}, nil
		},
	}
}

// timeConverter returns a converter to milliseconds, with a default for values without an entry.
func timeConverter(note string, read func(tables.Row, time.Duration) time.Duration) converter {
	return converter{
		args: takes(1, argTable, argInt), in: typeAny, out: typeInt, note: note, table: tableAt(0),
		build: func(_ *Loader, a args) (convertFunc, error) {
			return func(in *Input, v Value, _ bool) (Value, bool) {
				var of time.Duration
				t := in.table(a.text(0))
				if t == nil {
					return Value{}, false
				}
				expire := t.Config().Expire
				if entryOf(in, t, v, finds, func(row tables.Row) { of = read(row, expire) }) == present {
					return Integer(of.Milliseconds()), true
				}
				return Integer(a.integer(1, 0)), len(a) > 1
			}, nil
		},
	}
}

func untilExpiry(row tables.Row, _ time.Duration) time.Duration { return row.Expires() }

func sinceUse(row tables.Row, expire time.Duration) time.Duration { return expire - row.Expires() }

// buildServerID finds the server that is stored for a value among those of the backend that the
// table is named as, or else of the section's.
func buildServerID(table string) convertFunc {
	return func(in *Input, v Value, _ bool) (Value, bool) {
		name, stored := "", true
		is := lookFor(in, table, v, finds, func(row tables.Row) {
			_, stored = row.Get(tables.Server, 0)
			name = row.Server()
		})
		switch {
		case is == untracked || !stored:
			return Value{}, false
		case name == "":
			return Integer(0), true
		}
		return askState(in, Question{Fetch: "srv_id", About: ObjectServer, Proxy: table, Server: name})
	}
}

// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// A counterAction is the action of a fetch or a converter on a counter of a row.
type counterAction uint8

const (
	readCounter counterAction = iota
	clearCounter
	incrementCounter
	countConnection // as track does
)

// do performs the action. ok is false if the row does not store the counter.
func (a counterAction) do(in *Input, c, rate counter, row tables.Row) (value int64, ok bool) {
	switch {
	case a == readCounter:
		return c.read(row)
	case in.Trace != nil:
		return a.try(c, rate, row)
	case a == clearCounter:
		return c.clear(row)
	case a == incrementCounter:
		return c.increment(rate, row), true
	default:
		row.Add(c.data, 0, 1)
		return c.read(row)
	}
}

// try returns what do returns, and changes nothing.
func (a counterAction) try(c, rate counter, row tables.Row) (value int64, ok bool) {
	value, ok = c.read(row)
	if a != incrementCounter || ok {
		return value + a.onNew(), ok
	}
	if value, ok = rate.read(row); ok {
		value++
	}
	return value, true
}

// onNew returns the value of a counter of an entry that the action creates.
func (a counterAction) onNew() int64 {
	if a == incrementCounter || a == countConnection {
		return 1
	}
	return 0
}

// counterFetches returns the fetches of the entries that a connection tracks (sc_) and of the entry
// of the client's address (src_). Without an entry of the key they are 0; where nothing is tracked,
// or the entry does not store the counter, they have no value.
func counterFetches() map[string]fetch {
	all := make(map[string]fetch)
	for name, c := range counters {
		addCounterFetches(all, name, c.note, c, counter{}, finds, readCounter)
	}
	for name, c := range generalCounters {
		addCounterFetches(all, "get_"+name, c.note, c, counter{}, finds, readCounter)
		if rate, ok := rates[name]; ok {
			addCounterFetches(all, "inc_"+name, c.note+", which is incremented first", c, rate, creates, incrementCounter)
			addCounterFetches(all, "clr_"+name, c.note+", which is set to 0", c, rate, creates, clearCounter)
		}
	}
	// HAProxy has it for the counter 1 alone.
	all["sc1_clr_gpc"] = fetch{
		args: takes(1, argInt, argTable), out: typeInt, note: "a general counter, which is set to 0, by its number, of the entry that the counter 1 tracks", table: tableAt(1), changes: true,
		build: func(a args) (fetchFunc, error) {
			return fetchCounter(trackedEntry(withCounter(1, a[1:]), creates), generalCounters["gpc"].at(a[0].number), counter{}, clearCounter), nil
		},
	}
	addTrackedFetches(all, "tracked", typeBool, "whether the counter tracks an entry", buildTracked)
	addTrackedFetches(all, "trackers", typeInt, "how many connections track the entry", buildTrackers)
	addTrackedFetches(all, "key", typeAny, "the key of the entry", buildTrackedKey)
	all["src_updt_conn_cnt"] = fetch{
		args: takes(1, argTable), out: typeInt, note: "the number of connections so far, which is incremented first; " + ofSource, table: tableAt(0), changes: true,
		build: func(a args) (fetchFunc, error) {
			return fetchCounter(entryOfSource(a.text(0), creates), counters["conn_cnt"], counter{}, countConnection), nil
		},
	}
	for name, f := range all {
		f.tracked = strings.HasPrefix(name, "sc")
		all[name] = f
	}
	return all
}

const ofSource = "of the client's address in a table"

// addCounterFetches adds the fetches of a counter: those of the first three counters that
// connections have, that of any of them, and that of the client's address.
func addCounterFetches(all map[string]fetch, name, note string, c, rate counter, mode lookupMode, action counterAction) {
	indexes := 0
	if c.general {
		indexes = 1
	}
	changes := mode == creates
	entry := func(a args) fetchFunc {
		c := c.at(a.integer(0, 0))
		return fetchCounter(trackedEntry(a[indexes:], mode), c, rate.at(a.integer(0, 0)), action)
	}
	if c.general {
		all["sc_"+name] = fetch{
			args: takes(2, argInt, argInt, argTable), out: typeInt, note: note + ", by its number and that of the counter", table: tableAt(2), changes: changes,
			value: func(a args) (counter, int) { return c.at(a[0].number), counterNumber(a[1].number) },
			build: func(a args) (fetchFunc, error) { return entry(a), nil },
		}
		all["src_"+name] = fetch{
			args: takes(2, argInt, argTable), out: typeInt, note: note + ", by its number, " + ofSource, table: tableAt(1), changes: changes,
			value: func(a args) (counter, int) { return c.at(a[0].number), 0 },
			build: func(a args) (fetchFunc, error) {
				return fetchCounter(entryOfSource(a.text(1), mode), c.at(a.integer(0, 0)), rate.at(a.integer(0, 0)), action), nil
			},
		}
		return
	}
	all["sc_"+name] = fetch{
		args: takes(1, argInt, argTable), out: typeInt, note: note + ", of the entry that a counter tracks", table: tableAt(1), changes: changes,
		value: func(a args) (counter, int) { return c, counterNumber(a[0].number) },
		build: func(a args) (fetchFunc, error) { return entry(a), nil },
	}
	all["src_"+name] = fetch{
		args: takes(1, argTable), out: typeInt, note: note + ", " + ofSource, table: tableAt(0), changes: changes,
		value: func(args) (counter, int) { return c, 0 },
		build: func(a args) (fetchFunc, error) {
			return fetchCounter(entryOfSource(a.text(0), mode), c, rate, action), nil
		},
	}
	for k := range shortCounters {
		all[shortPrefix(k)+name] = fetch{
			args: takes(0, argTable), out: typeInt, note: note + ", of the entry that the counter " + strconv.Itoa(k) + " tracks", table: tableAt(0), changes: changes,
			value: func(args) (counter, int) { return c, k },
			build: func(a args) (fetchFunc, error) { return entry(withCounter(k, a)), nil },
		}
	}
}

// shortCounters is the number of counters with fetches of their own.
const shortCounters = 3

func shortPrefix(counter int) string { return "sc" + strconv.Itoa(counter) + "_" }

// withCounter returns arguments with the number of a counter before them.
func withCounter(k int, a args) args {
	return append(args{{number: int64(k)}}, a...)
}

// addTrackedFetches adds the fetches of the entries that a connection's counters track.
func addTrackedFetches(all map[string]fetch, name string, out valueType, note string, build func(counter int, entry lookup) fetchFunc) {
	all["sc_"+name] = fetch{
		args: takes(1, argInt, argTable), out: out, note: note, table: tableAt(1),
		build: func(a args) (fetchFunc, error) { return build(counterNumber(a[0].number), trackedEntry(a, finds)), nil },
	}
	for k := range shortCounters {
		all[shortPrefix(k)+name] = fetch{
			args: takes(0, argTable), out: out, note: note, table: tableAt(0),
			build: func(a args) (fetchFunc, error) { return build(k, trackedEntry(withCounter(k, a), finds)), nil },
		}
	}
}

// tableAt returns the function that returns the argument at a position as the name of a table.
func tableAt(position int) func(args) (string, bool) {
	return func(a args) (string, bool) { return a.text(position), position < len(a) }
}

// fetchCounter returns a fetch that does something with a counter of an entry.
func fetchCounter(find lookup, c, rate counter, action counterAction) fetchFunc {
	return func(in *Input) result {
		value, ok := int64(0), true
		switch find(in, func(row tables.Row) { value, ok = action.do(in, c, rate, row) }) {
		case untracked:
			return noValue
		case wouldExist:
			value = action.onNew()
		case absent, present:
		}
		if !ok {
			return noValue
		}
		return found(Integer(value))
	}
}

func buildTracked(_ int, find lookup) fetchFunc {
	return func(in *Input) result {
		return found(Boolean(find(in, func(tables.Row) {}) != untracked))
	}
}

func buildTrackers(_ int, find lookup) fetchFunc {
	return func(in *Input) result {
		uses := 0
		if find(in, func(row tables.Row) { uses = row.Uses() }) == untracked {
			return noValue
		}
		return found(Integer(int64(uses)))
	}
}

func buildTrackedKey(counter int, find lookup) fetchFunc {
	return func(in *Input) result {
		var key Value
		is := in.tracked(counter)
		if is.IsZero() {
			return noValue
		}
		t := is.Table().Config().Type
		if find(in, func(row tables.Row) { key = keyValue(t, row.Key()) }) != present {
			return noValue
		}
		return found(key)
	}
}

// keyValue returns a key of a table as a value that does not share its bytes.
func keyValue(t tables.Type, key []byte) Value {
	switch t {
	case tables.IP, tables.IPv6:
		addr, _ := netip.AddrFromSlice(key)
		return Address(addr)
	case tables.Integer:
		return Integer(int64(binary.BigEndian.Uint32(key)))
	case tables.String:
		return Text(string(key))
	case tables.Binary:
	}
	return Binary(key).Clone()
}

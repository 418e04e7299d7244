// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"math"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// A lookup finds the entry that a fetch is about, and calls f with its row.
type lookup func(in *Input, f func(tables.Row)) presence

// A presence is the result of a lookup.
type presence uint8

const (
	untracked  presence = iota // there is no key to look for
	absent                     // the table has no entry of the key
	wouldExist                 // neither, but it would be created
	present
)

// A lookupMode says what a lookup does with the entry.
type lookupMode uint8

const (
	finds   lookupMode = iota // reads it
	creates                   // changes it; that of the client's address is created if need be
)

// counterNumber returns the number of a counter; one that is out of range tracks nothing.
func counterNumber(n int64) int { return int(max(-1, min(n, math.MaxInt16))) }

// trackedEntry returns the lookup of the entry that a counter tracks, which is the first argument,
// or of the entry of the same key in the table that the second one names.
func trackedEntry(a args, mode lookupMode) lookup {
	number, name := counterNumber(a[0].number), a.text(1)
	if len(a) < 2 {
		return func(in *Input, f func(tables.Row)) presence {
			ref := in.tracked(number)
			if ref.IsZero() {
				return untracked
			}
			ref.Do(f)
			return present
		}
	}
	return func(in *Input, f func(tables.Row)) presence {
		ref, t := in.tracked(number), in.table(name)
		if ref.IsZero() || t == nil {
			return untracked
		}
		var key []byte
		ref.Do(func(row tables.Row) { key = append(key, row.Key()...) })
		if !t.View(key, f) {
			return absent
		}
		if mode == creates && in.Trace == nil {
			t.Update(key, func(tables.Row) {}) // as in HAProxy, which only changes entries that exist
		}
		return present
	}
}

// entryOfSource returns the lookup of the client's address in a table.
func entryOfSource(name string, mode lookupMode) lookup {
	return func(in *Input, f func(tables.Row)) presence {
		source, t := addressResult(in.Source), in.table(name)
		if !source.found || t == nil {
			return untracked
		}
		return entryOf(in, t, source.value, mode, f)
	}
}

// entryOf finds, or creates, the entry of a value.
func entryOf(in *Input, t *tables.Table, v Value, mode lookupMode, f func(tables.Row)) presence {
	key, ok := v.Key(t.Config())
	switch {
	case !ok:
		return untracked
	case in.Trace != nil && t.View(key, f):
		return present
	case in.Trace != nil && mode == creates:
		return wouldExist
	case in.Trace != nil:
		return absent
	case mode == creates && t.Update(key, f):
		return present
	case mode == creates: // it is full
		return absent
	case t.View(key, f):
		return present
	}
	return absent
}

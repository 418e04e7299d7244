// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Errors of Set.
var (
	ErrFull   = errors.New("the table is full")
	ErrNumber = errors.New("expected a number from 0")
)

// Entry is an entry as it is shown.
type Entry struct {
	// Key is the text of the key: an address, a number, a string, or hexadecimal digits.
	Key string `json:"key"`
	// Uses is the number of connections that are tracked by the entry.
	Uses int `json:"use"`
	// Expires is the time in seconds until it is dropped, unless it is used until then; omitted if it
	// does not expire.
	Expires *float64 `json:"expires,omitempty"`
	// Server is the name of the server that is stored.
	Server string `json:"server,omitempty"`
	// Data are the values, by HAProxy's names: conn_cur, conn_rate, gpc0.
	Data map[string]int64 `json:"data"`
}

// newEntry returns an entry of a table of this configuration.
func newEntry(c tables.Config, r tables.Row) Entry {
	e := Entry{Key: FormatKey(c.Type, r.Key()), Uses: r.Uses(), Server: r.Server(), Data: make(map[string]int64)}
	if c.Expire > 0 {
		e.Expires = new(r.Expires().Round(time.Millisecond).Seconds())
	}
	for _, v := range Values(c) {
		if n, stored := r.Get(v.Data, v.Index); stored && v.Data != tables.Server {
			e.Data[v.String()] = n
		}
	}
	return e
}

// Entries yields the entries of a table that a filter selects.
func Entries(t *tables.Table, f Filter) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if f.key != nil {
			if e, found := find(t, f); found {
				yield(e)
			}
			return
		}
		for r := range t.All() {
			if f.matches(r) && !yield(newEntry(t.Config(), r)) {
				return
			}
		}
	}
}

// find returns the entry of the filter's key.
func find(t *tables.Table, f Filter) (e Entry, found bool) {
	c := t.Config()
	t.View(f.key, func(r tables.Row) {
		if found = f.matches(r); found {
			e = newEntry(c, r)
		}
	})
	return e, found
}

// Set changes values of the entry of a key, which it creates if necessary: those by HAProxy's names
// in data, and the server unless it is nil. It changes nothing if there is an error. It is
// HAProxy's `set table`.
func Set(t *tables.Table, key string, data map[string]int64, server *string) error {
	c := t.Config()
	b, err := ParseKey(c, key)
	if err != nil {
		return err
	}
	values := make(map[Value]int64)
	for _, name := range slices.Sorted(maps.Keys(data)) {
		v, err := ParseValue(c, name)
		if err != nil {
			return err
		}
		if data[name] < 0 || v.Data == tables.Server {
			return fmt.Errorf("%s: %w", name, ErrNumber)
		}
		values[v] = data[name]
	}
	if server != nil && !slices.ContainsFunc(c.Store, func(s tables.Store) bool { return s.Data == tables.Server }) {
		return fmt.Errorf("%w: %s", ErrNotStored, tables.Server)
	}
	if !t.Update(b, func(r tables.Row) {
		for v, n := range values {
			r.Set(v.Data, v.Index, n)
		}
		if server != nil {
			r.SetServer(*server)
		}
	}) {
		return ErrFull
	}
	return nil
}

// Clear drops the entries of a table that a filter selects, and returns how many, and how many stay
// because connections use them. If the table is shared, they are dropped from its store, too. It is
// HAProxy's `clear table`.
func Clear(t *tables.Table, f Filter, share Share) (cleared, used int) {
	var dropped [][]byte
	for e := range Entries(t, f) {
		key, err := ParseKey(t.Config(), e.Key)
		switch {
		case err != nil:
		case e.Uses > 0:
			used++
		case t.Clear(key):
			cleared++
			dropped = append(dropped, key)
		}
	}
	if share != nil && cleared > 0 {
		share.Forget(dropped)
	}
	return cleared, used
}

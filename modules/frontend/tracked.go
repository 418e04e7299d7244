// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"slices"
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// tracked holds the entries of stick tables that a connection's counters track. It belongs to the
// connection, then to its session, and is released once, when that ends. nil: none are tracked. A
// session keeps its entries over reloads, also those of a table that is gone.
type tracked struct {
	refs []tables.Ref // by counter

	storesBytes bool
	in, out     int64 // bytes that the entries have counted; see byteMeter
	metered     int   // place in the byteMeter, from 1; 0: none
}

var trackedPool = sync.Pool{New: func() any { return new(tracked) }}

// Table implements sample.Tables: a table without a name is that of the backend if the connection
// has one, else that of the frontend.
func (c *connection) Table(name string) *tables.Table {
	switch {
	case name != "":
	case c.backend != nil:
		name = c.backend.Name()
	default:
		name = c.f.Name
	}
	return c.f.App.Table(name)
}

// Tracked implements sample.Tables.
func (c *connection) Tracked(counter int) tables.Ref {
	return c.tracked.ref(counter)
}

// ref returns the entry that a counter tracks, or the zero Ref.
func (t *tracked) ref(counter int) tables.Ref {
	if t == nil || counter < 0 || counter >= len(t.refs) {
		return tables.Ref{}
	}
	return t.refs[counter]
}

// Track implements rules.Tracker. It counts the connection.
func (c *connection) Track(counter int, t *tables.Table, key []byte) {
	ref, ok := t.Track(key)
	if !ok {
		return
	}
	if c.tracked == nil {
		c.tracked = trackedPool.Get().(*tracked)
	}
	for len(c.tracked.refs) <= counter {
		c.tracked.refs = append(c.tracked.refs, tables.Ref{})
	}
	c.tracked.refs[counter] = ref
	c.tracked.storesBytes = c.tracked.storesBytes || storesBytes(t)
	ref.Do(func(row tables.Row) {
		row.Add(tables.ConnCurrent, 0, 1)
		row.Add(tables.ConnCount, 0, 1)
		row.Add(tables.ConnRate, 0, 1)
	})
}

func storesBytes(t *tables.Table) bool {
	return slices.ContainsFunc(t.Config().Store, func(s tables.Store) bool {
		switch s.Data {
		case tables.BytesIn, tables.BytesInRate, tables.BytesOut, tables.BytesOutRate:
			return true
		default:
			return false
		}
	})
}

// countSession counts a connection that the rules of connection and session have accepted.
func (t *tracked) countSession() {
	if t == nil {
		return
	}
	for _, ref := range t.refs {
		ref.Do(func(row tables.Row) {
			row.Add(tables.SessCount, 0, 1)
			row.Add(tables.SessRate, 0, 1)
		})
	}
}

// count adds the bytes since it was last called, of the totals moved from the client and to it.
func (t *tracked) count(in, out int64) {
	in, t.in, out, t.out = in-t.in, in, out-t.out, out
	if !t.storesBytes || in == 0 && out == 0 {
		return
	}
	for _, ref := range t.refs {
		ref.Do(func(row tables.Row) {
			row.Add(tables.BytesIn, 0, in)
			row.Add(tables.BytesInRate, 0, in)
			row.Add(tables.BytesOut, 0, out)
			row.Add(tables.BytesOutRate, 0, out)
		})
	}
}

// bytesRead returns the number of bytes that the client has sent, as far as they were inspected.
func (c *connection) bytesRead() int64 {
	if c.tracked == nil || c.hello == nil {
		return 0
	}
	return int64(len(c.hello.Bytes()))
}

// release ends the tracking. in and out are the bytes moved from the client and to it in total.
func (t *tracked) release(in, out int64) {
	if t == nil {
		return
	}
	t.count(in, out)
	for _, ref := range t.refs {
		ref.Do(func(row tables.Row) { row.Add(tables.ConnCurrent, 0, -1) })
		ref.Release()
	}
	clear(t.refs)
	*t = tracked{refs: t.refs[:0]}
	trackedPool.Put(t)
}

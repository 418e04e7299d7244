// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
)

// Row is an entry. It is valid within the function that got it, and one of All within the loop's
// body, where changes have no effect.
type Row struct {
	shard  *shard
	layout *layout
	entry  []byte
	now    uint32
	slot   uint32 // none: feeds do not yield changes
}

// changed marks the entry for the feeds.
func (r Row) changed() {
	if len(r.shard.marks) > 0 && r.slot != none {
		r.shard.mark(r.slot)
	}
}

// Get returns a value, and whether it is stored. Of an array it is the element i; of a rate, the
// number of events in the period that ends now. GPT0, GPC0, GPC1 and their rates are elements of
// the arrays in a table that has these instead. The value of Server is 0 without a server. If other
// tables are added (see Table.AddOthers), it is the sum.
func (r Row) Get(d Data, i int) (int64, bool) {
	n, stored := r.Own(d, i)
	if stored && r.shard.table.others.Load() != nil {
		n += r.ofOthers(d, i)
	}
	return n, stored
}

// Own returns a value as Get does, of this table alone.
func (r Row) Own(d Data, i int) (int64, bool) {
	f, stored := r.layout.find(d, i)
	if !stored {
		return 0, false
	}
	b := r.entry[f.at:]
	switch f.kind {
	case wide:
		return int64(binary.NativeEndian.Uint64(b)), true
	case rate, wideRate:
		return readFrequency(b, f.kind, r.now).Read(int64(r.now), int64(f.period)), true
	default:
		return int64(binary.NativeEndian.Uint32(b)), true
	}
}

// Add adds to a value that is stored: to a rate, n events that happen now. A number does not fall
// below 0; beyond its largest value it begins again at 0.
func (r Row) Add(d Data, i int, n int64) {
	f, stored := r.layout.find(d, i)
	if !stored {
		return
	}
	b := r.entry[f.at:]
	switch f.kind {
	case wide:
		binary.NativeEndian.PutUint64(b, uint64(max(int64(binary.NativeEndian.Uint64(b))+n, 0)))
	case rate, wideRate:
		writeFrequency(b, f.kind, readFrequency(b, f.kind, r.now).Plus(uint64(max(n, 0)), int64(r.now), int64(f.period)))
	case number:
		binary.NativeEndian.PutUint32(b, uint32(max(int64(binary.NativeEndian.Uint32(b))+n, 0)))
	case server:
	}
	r.changed()
}

// Set sets a value that is stored. A rate begins a period with that many events, as HAProxy's `set
// table` does.
func (r Row) Set(d Data, i int, v int64) {
	f, stored := r.layout.find(d, i)
	if !stored {
		return
	}
	b := r.entry[f.at:]
	switch f.kind {
	case wide:
		binary.NativeEndian.PutUint64(b, uint64(v))
	case rate, wideRate:
		writeFrequency(b, f.kind, frequency.Counter{Began: int64(r.now), Current: uint64(v)})
	case number:
		binary.NativeEndian.PutUint32(b, uint32(v))
	case server:
	}
	r.changed()
}

// Rate is the state of a rate.
type Rate struct {
	Age               time.Duration // of the current period
	Current, Previous uint64        // events in it and in the one before
}

// Rate returns the state of a rate, and whether it is stored.
func (r Row) Rate(d Data, i int) (Rate, bool) {
	f, stored := r.layout.find(d, i)
	if !stored || !f.kind.isRate() {
		return Rate{}, false
	}
	c := readFrequency(r.entry[f.at:], f.kind, r.now)
	return Rate{time.Duration(int64(r.now)-c.Began) * time.Millisecond, c.Current, c.Previous}, true
}

// SetRate sets the state of a rate that is stored.
func (r Row) SetRate(d Data, i int, v Rate) {
	f, stored := r.layout.find(d, i)
	if !stored || !f.kind.isRate() {
		return
	}
	began := int64(r.now) - min(v.Age.Milliseconds(), math.MaxInt32)
	writeFrequency(r.entry[f.at:], f.kind, frequency.Counter{Began: began, Current: v.Current, Previous: v.Previous})
	r.changed()
}

// Server returns the name of the server, or "".
func (r Row) Server() string {
	n, _ := r.Get(Server, 0)
	return r.shard.table.servers.name(uint32(n))
}

// SetServer stores the name of a server; "": none.
func (r Row) SetServer(name string) {
	if f, stored := r.layout.find(Server, 0); stored {
		binary.NativeEndian.PutUint32(r.entry[f.at:], r.shard.table.servers.number(name))
		r.changed()
	}
}

// Key returns the key, without what pads a String. The caller must not change it, nor use it later.
func (r Row) Key() []byte {
	b := r.layout.key(r.entry)
	if r.layout.config.Type == String {
		b, _ = r.layout.canonical(b)
	}
	return b
}

// Uses returns how many hold the entry.
func (r Row) Uses() int { return int(binary.NativeEndian.Uint32(r.entry[usesAt:])) }

// Expires returns the time until the entry expires, unless it is touched or held until then; 0: it
// does not.
func (r Row) Expires() time.Duration {
	age := r.now - binary.NativeEndian.Uint32(r.entry[touchedAt:])
	if r.layout.expire == 0 {
		return 0
	}
	return time.Duration(max(int64(r.layout.expire)-int64(age), 0)) * time.Millisecond
}

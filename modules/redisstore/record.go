// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"encoding/binary"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// maxRecord bounds what Redis stores for an entry.
const maxRecord = 16 << 10

// A record holds values of an entry: of each its word, with the arguments, and its bytes, both with
// their length before them. Nodes ignore values that they do not store.

// isState reports whether the last value that a node sets counts, instead of the sum of all.
func isState(d tables.Data) bool { return d == tables.Server || d == tables.GPT0 || d == tables.GPT }

// newRecord returns the record of the state, or of this node's counts, and reports whether that is
// more than zeros.
func newRecord(c tables.Config, r tables.Row, state bool) (record []byte, isSet bool) {
	for _, s := range c.Store {
		if isState(s.Data) != state {
			continue
		}
		record = appendText(record, s.String())
		var room [64]byte
		value := room[:0]
		for i := range max(s.Count, 1) {
			var set bool
			value, set = appendValue(value, r, s.Data, i)
			isSet = isSet || set
		}
		record = appendText(record, string(value))
	}
	return record, isSet
}

func appendValue(b []byte, r tables.Row, d tables.Data, i int) (value []byte, isSet bool) {
	if d == tables.Server {
		name := r.Server()
		return append(b, name...), name != ""
	}
	if rate, ok := r.Rate(d, i); ok {
		b = binary.AppendUvarint(b, uint64(max(rate.Age.Milliseconds(), 0)))
		b = binary.AppendUvarint(b, rate.Current)
		return binary.AppendUvarint(b, rate.Previous), rate.Current|rate.Previous != 0
	}
	n, _ := r.Own(d, i)
	return binary.AppendUvarint(b, uint64(n)), n != 0
}

// readRecord sets the values of a record, and reports whether it is valid. One that is not may set
// some of its values.
func readRecord(record string, c tables.Config, r tables.Row) bool {
	from := reader{rest: record}
	for from.rest != "" && !from.bad {
		word, value := from.text(), reader{rest: from.text()}
		for _, s := range c.Store {
			if s.String() == word {
				value.into(r, s)
			}
		}
		from.bad = from.bad || value.bad
	}
	return !from.bad
}

// into sets the elements of a value.
func (r *reader) into(row tables.Row, s tables.Store) {
	if s.Data == tables.Server {
		if r.bad = len(r.rest) > maxName; !r.bad {
			row.SetServer(r.rest)
		}
		return
	}
	for i := range max(s.Count, 1) {
		if s.Data.IsRate() {
			rate := tables.Rate{Age: time.Duration(min(r.number(), maxAge)) * time.Millisecond, Current: r.number(), Previous: r.number()}
			if !r.bad {
				row.SetRate(s.Data, i, rate)
			}
			continue
		}
		if n := r.number(); !r.bad {
			row.Set(s.Data, i, int64(n&maxNumber))
		}
	}
}

// serverOf returns the server of a record, or "", and whether the record is complete.
func serverOf(record string) (server string, ok bool) {
	from := reader{rest: record}
	for from.rest != "" {
		word, value := from.text(), from.text()
		if word == tables.Server.String() {
			server = value
		}
	}
	return server, !from.bad
}

const (
	maxAge    = 1<<31 - 1 // milliseconds
	maxNumber = 1<<63 - 1
)

// reader reads texts and numbers. It is bad once one was incomplete.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) number() uint64 {
	var n uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.rest, r.bad = "", true
	return 0
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.rest, r.bad = "", true
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

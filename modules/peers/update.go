// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// appendKey appends a key of a table to an update.
func appendKey(b []byte, c tables.Config, key []byte) []byte {
	if c.Type == tables.String {
		return appendBytes(b, key)
	}
	return append(b, key...)
}

// appendValues appends the values of an entry.
func appendValues(b []byte, c tables.Config, r tables.Row, names *sentNames) []byte {
	for _, d := range bits {
		s, ok := stored(c, d)
		switch {
		case !ok:
		case d == tables.Server:
			b = names.append(b, r.Server())
		default:
			for i := range max(s.Count, 1) {
				b = appendValue(b, r, d, i)
			}
		}
	}
	return b
}

func appendValue(b []byte, r tables.Row, d tables.Data, i int) []byte {
	if !d.IsRate() {
		n, _ := r.Get(d, i)
		return appendNumber(b, uint64(n))
	}
	v, _ := r.Rate(d, i)
	b = appendNumber(b, uint64(uint32(v.Age.Milliseconds())))
	b = appendNumber(b, min(v.Current, math.MaxUint32))
	return appendNumber(b, min(v.Previous, math.MaxUint32))
}

// update is an update that was received.
type update struct {
	key    []byte
	values []value // reused
	server string
	named  bool // server is set
}

// value is a value of an update.
type value struct {
	data tables.Data
	i    int
	n    uint64
	rate tables.Rate
}

// read reads the key and the values, which are in the order of the definition.
func (u *update) read(c *cursor, d *defined, names *receivedNames) error {
	u.values, u.server, u.named = u.values[:0], "", false
	if d.keyType == keyTypes[tables.String] {
		u.key = c.bytes(c.number())
	} else {
		u.key = c.bytes(d.keySize)
	}
	for bit, of := range bits {
		switch {
		case d.elements[bit] == 0:
		case of == tables.Server:
			u.server, u.named = names.read(c)
		case of == serverNumber:
			c.number()
		default:
			for i := range d.elements[bit] {
				u.values = append(u.values, readValue(c, of, i))
			}
		}
	}
	if c.failed {
		return errMalformed
	}
	return nil
}

func readValue(c *cursor, of tables.Data, i int) value {
	v := value{data: of, i: i, n: c.number()}
	if of.IsRate() {
		v.rate = tables.Rate{Age: time.Duration(uint32(v.n)) * time.Millisecond, Current: c.number(), Previous: c.number()}
	}
	return v
}

// set sets the values that the entry's table stores. conn_cur is each process's own.
func (u *update) set(r tables.Row, receiveOnly bool) {
	for _, v := range u.values {
		switch {
		case v.data == tables.ConnCurrent && !receiveOnly:
		case v.data.IsRate():
			r.SetRate(v.data, v.i, v.rate)
		default:
			r.Set(v.data, v.i, int64(min(v.n, math.MaxInt64)))
		}
	}
	if u.named {
		r.SetServer(u.server)
	}
}

// appendUpdate appends an update. Of one that is not timed, left is less than 0.
func appendUpdate(b []byte, id uint32, isNext bool, left time.Duration, entry []byte) []byte {
	kind, timed := byte(updateWithID), left >= 0
	switch {
	case timed && isNext:
		kind = timedUpdateNext
	case timed:
		kind = timedUpdateWithID
	case isNext:
		kind = updateNext
	}
	size := uint64(len(entry))
	if !isNext {
		size += 4
	}
	if timed {
		size += 4
	}
	b = appendNumber(append(b, classTable, kind), size)
	if !isNext {
		b = binary.BigEndian.AppendUint32(b, id)
	}
	if timed {
		b = binary.BigEndian.AppendUint32(b, uint32(min(left.Milliseconds(), math.MaxInt32)))
	}
	return append(b, entry...)
}

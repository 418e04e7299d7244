// SPDX-License-Identifier: Apache-2.0

package tables

import "slices"

// An entry begins with its links and its state, as numbers of 32 bits.
const (
	chainAt   = 4 * iota // the next entry of the same bucket, or of the free ones
	olderAt              // the neighbours in the list by time of touching
	newerAt              //
	touchedAt            // the time
	usesAt               // how many hold it; unused: the slot has no entry
	keyAt
)

// unused is the number of uses of a free slot.
const unused = ^uint32(0)

// layout is where the entries of a table have what they store. It does not change.
type layout struct {
	config    Config
	keyLength int
	expire    uint32 // milliseconds; 0: never
	size      int    // of an entry, in bytes
	fields    [NumData]field
}

// field is where a kind of value is. Its size is 0 if it is not stored.
type field struct {
	at, size int
	kind     kind
	count    int
	period   uint32 // milliseconds
}

func newLayout(c Config) *layout {
	c.Store = slices.Clone(c.Store)
	l := &layout{config: c, keyLength: c.KeyLength(), expire: uint32(c.Expire.Milliseconds())}
	l.size = l.dataStart()
	for _, s := range c.Store {
		f := field{at: l.size, kind: dataTypes[s.Data].kind, count: 1, period: uint32(s.Period.Milliseconds())}
		if s.Data.IsArray() {
			f.count = s.Count
		}
		if f.size = f.kind.size(); l.fields[s.Data].size == 0 {
			l.fields[s.Data] = f
			l.size += f.size * f.count
		}
	}
	return l
}

// dataStart returns where the values begin.
func (l *layout) dataStart() int { return keyAt + (l.keyLength+3)/4*4 }

// fallbacks are the elements of arrays by which HAProxy's older words are read if the table has
// them and not the older kind.
var fallbacks = map[Data]struct {
	array Data
	i     int
}{
	GPT0: {GPT, 0}, GPC0: {GPC, 0}, GPC1: {GPC, 1}, GPC0Rate: {GPCRate, 0}, GPC1Rate: {GPCRate, 1},
}

// find returns where a value is, and whether it is stored.
func (l *layout) find(d Data, i int) (field, bool) {
	if d >= NumData || i < 0 {
		return field{}, false
	}
	f := l.fields[d]
	if f.size == 0 {
		if instead, ok := fallbacks[d]; ok {
			f, i = l.fields[instead.array], instead.i
		}
	}
	if i >= f.count {
		return field{}, false
	}
	f.at += i * f.size
	return f, true
}

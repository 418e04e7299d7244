// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// MaxName is the longest name that is counted whole; the rest of longer ones is cut off.
const MaxName = 255

// Frequent finds the most frequent names of a stream with the memory of a few: it is the algorithm
// Space-Saving of Metwally, Agrawal and El Abbadi. It counts as many names as it has room for. A
// name for which there is no room takes the place of the least frequent one, and its count: so
// counts are too high by the count that they began with, at most the number of all names seen
// divided by the room. A name that is more frequent than that is always among them.
type Frequent struct {
	slots []slot         // a heap, the least count first
	at    map[uint64]int // indices in slots, by the hash of the name
}

// slot is a name that is counted.
type slot struct {
	hash         uint64
	count, error uint64
	name         []byte
}

// Counted is a name and its count, which is too high by Error at most.
type Counted struct {
	Name         string
	Count, Error uint64
}

var seed = maphash.MakeSeed()

// hashOf returns the hash that a name is known by.
func hashOf(name string) uint64 { return maphash.String(seed, cut(name)) }

// cut returns the first MaxName bytes of a name.
func cut(name string) string { return name[:min(len(name), MaxName)] }

// add counts a name, as often as its weight says. It allocates only while there is room.
func (f *Frequent) add(hash uint64, name string, weight uint64, room int) {
	i, known := f.at[hash]
	switch {
	case known:
	case len(f.slots) < room:
		if f.at == nil {
			f.at = make(map[uint64]int, room)
		}
		i = len(f.slots)
		f.slots = append(f.slots, slot{hash: hash, name: append(make([]byte, 0, 32), cut(name)...)})
		f.at[hash] = i
		f.up(i)
		i = f.at[hash]
	default:
		s := &f.slots[0]
		delete(f.at, s.hash)
		s.hash, s.error, s.name = hash, s.count, append(s.name[:0], cut(name)...)
		f.at[hash] = 0
	}
	f.slots[i].count += weight
	f.down(i)
}

// up moves a slot towards the top of the heap.
func (f *Frequent) up(i int) {
	for i > 0 && f.slots[i].count < f.slots[(i-1)/2].count {
		f.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

// down moves a slot away from the top of the heap.
func (f *Frequent) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(f.slots); child++ {
			if f.slots[child].count < f.slots[least].count {
				least = child
			}
		}
		if least == i {
			return
		}
		f.swap(i, least)
		i = least
	}
}

func (f *Frequent) swap(i, j int) {
	f.slots[i], f.slots[j] = f.slots[j], f.slots[i]
	f.at[f.slots[i].hash], f.at[f.slots[j].hash] = i, j
}

// appendTo adds the counts of f to the sums by hash, less floor, which it returns: the most that a
// name without a slot can have been counted. With the floors of all added to its count
// and its error, each sum is right.
func (f *Frequent) appendTo(sums map[uint64]*Counted, room int) (floor uint64) {
	if len(f.slots) >= room && room > 0 {
		floor = f.slots[0].count
	}
	for i := range f.slots {
		s := &f.slots[i]
		sum := sums[s.hash]
		if sum == nil {
			sum = &Counted{Name: string(s.name)}
			sums[s.hash] = sum
		}
		sum.Count += s.count - floor // may pass below zero until all floors are added
		sum.Error += s.error - floor
	}
	return floor
}

// sorted returns counts, those that are certain to be highest first.
func sorted(sums map[uint64]*Counted) []Counted {
	all := make([]Counted, 0, len(sums))
	for _, c := range sums {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Counted) int {
		return cmp.Or(cmp.Compare(b.Count-b.Error, a.Count-a.Error), cmp.Compare(a.Name, b.Name))
	})
	return all
}

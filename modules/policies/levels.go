// SPDX-License-Identifier: Apache-2.0

package policies

import "math/bits"

// calendar maps slots to numbers below a bound, like a linked list per slot. A number is in at most
// one slot at a time; slots beyond the last one are dropped.
type calendar struct {
	heads []int32 // by slot: 1 + the number added last; 0: empty
	rest  []int32 // by number: 1 + the next number of its slot
}

func newCalendar(slots, numbers int) *calendar {
	return &calendar{make([]int32, slots+1), make([]int32, numbers)}
}

func (c *calendar) put(number, slot int) {
	if slot < len(c.heads) {
		c.rest[number], c.heads[slot] = c.heads[slot], int32(number+1)
	}
}

// take removes and returns one number of a slot, or -1 if the slot is empty.
func (c *calendar) take(slot int) int {
	number := int(c.heads[slot]) - 1
	if number >= 0 {
		c.heads[slot] = c.rest[number]
	}
	return number
}

// levels holds numbers below a bound, each at one of a few levels, as one bit set per level.
type levels struct {
	words int
	low   int        // the level of sets[0]
	sets  [][]uint64 // bit sets, by level - low
	sizes []int
	at    []int // the level, by number
}

func newLevels(numbers int) *levels {
	return &levels{words: (numbers + wordBits - 1) / wordBits, at: make([]int, numbers)}
}

func (l *levels) put(number, level int) {
	if len(l.sets) == 0 {
		l.low = level
	}
	for level < l.low {
		l.low--
		l.sets = append([][]uint64{make([]uint64, l.words)}, l.sets...)
		l.sizes = append([]int{0}, l.sizes...)
	}
	for level-l.low >= len(l.sets) {
		l.sets, l.sizes = append(l.sets, make([]uint64, l.words)), append(l.sizes, 0)
	}
	l.at[number] = level
	l.sets[level-l.low][number/wordBits] |= 1 << (number % wordBits)
	l.sizes[level-l.low]++
}

// move changes a number's level by an offset.
func (l *levels) move(number, by int) {
	level := l.at[number]
	l.sets[level-l.low][number/wordBits] &^= 1 << (number % wordBits)
	l.sizes[level-l.low]--
	l.put(number, level+by)
}

// first returns the least number at the lowest level. There must be at least one number.
func (l *levels) first() int {
	set := 0
	for l.sizes[set] == 0 {
		set++
	}
	word := 0
	for l.sets[set][word] == 0 {
		word++
	}
	return word*wordBits + bits.TrailingZeros64(l.sets[set][word])
}

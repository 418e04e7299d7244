// SPDX-License-Identifier: Apache-2.0

package policies

import "math/bits"

// calendar holds numbers below a bound by the slots for which they are noted. A number
// is noted once at a time; those beyond the last slot are forgotten.
type calendar struct {
	heads []int32 // by slot: 1 more than the number noted last; 0: none
	rest  []int32 // by number: the same for the one noted before it
}

func newCalendar(slots, numbers int) *calendar {
	return &calendar{make([]int32, slots+1), make([]int32, numbers)}
}

func (c *calendar) put(number, slot int) {
	if slot < len(c.heads) {
		c.rest[number], c.heads[slot] = c.heads[slot], int32(number+1)
	}
}

// take returns a number that is noted for a slot, and forgets it; -1: there is none.
func (c *calendar) take(slot int) int {
	number := int(c.heads[slot]) - 1
	if number >= 0 {
		c.heads[slot] = c.rest[number]
	}
	return number
}

// levels holds numbers below a bound, each at a level, of which there are few.
type levels struct {
	words int
	low   int        // the level of the first set
	sets  [][]uint64 // bits, by level
	sizes []int
	at    []int // by number
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

// move puts a number some levels higher, or lower.
func (l *levels) move(number, by int) {
	level := l.at[number]
	l.sets[level-l.low][number/wordBits] &^= 1 << (number % wordBits)
	l.sizes[level-l.low]--
	l.put(number, level+by)
}

// first returns the least number of those at the lowest level. There must be one.
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

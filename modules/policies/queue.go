// SPDX-License-Identifier: Apache-2.0

package policies

import "slices"

// queue holds seats by their keys, those of one key in the order in which they
// came: a binary heap.
type queue struct{ seats []*seat }

// first is the seat with the least key; nil where there is none.
func (q *queue) first() *seat {
	if len(q.seats) == 0 {
		return nil
	}
	return q.seats[0]
}

func (q *queue) push(at *seat) {
	q.seats = append(q.seats, at)
	q.up(len(q.seats) - 1)
}

// remove takes out a seat that is in it: the first one quickly.
func (q *queue) remove(at *seat) {
	i, last := slices.Index(q.seats, at), len(q.seats)-1
	moved := q.seats[last]
	q.seats[i], q.seats[last] = moved, nil
	if q.seats = q.seats[:last]; i < last {
		q.down(i)
		q.up(i)
	}
}

func (q *queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.seats[i].before(q.seats[parent]) {
			return
		}
		q.seats[i], q.seats[parent] = q.seats[parent], q.seats[i]
		i = parent
	}
}

func (q *queue) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.seats); child++ {
			if q.seats[child].before(q.seats[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.seats[i], q.seats[least] = q.seats[least], q.seats[i]
		i = least
	}
}

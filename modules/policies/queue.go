// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// seat is a server's place in a queue.
type seat struct {
	server *pool.Server
	key    int
	serial uint64 // among those of one key, the first in is the first out
	place  int    // in the queue's list
	rider  *rider // of which this is a part, on a wheel
}

func (s *seat) whose() *rider {
	if s == nil {
		return nil
	}
	return s.rider
}

func (s *seat) before(o *seat) bool {
	return s.key < o.key || s.key == o.key && s.serial < o.serial
}

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

// least is the first seat that suits; nil where none does. It looks no further
// than it must: below one that suits nobody comes earlier.
func (q *queue) least(suits func(*pool.Server) bool) *seat { return q.leastBelow(0, nil, suits) }

func (q *queue) leastBelow(i int, best *seat, suits func(*pool.Server) bool) *seat {
	if i >= len(q.seats) || best != nil && !q.seats[i].before(best) {
		return best
	}
	if suits(q.seats[i].server) {
		return q.seats[i]
	}
	best = q.leastBelow(2*i+1, best, suits)
	return q.leastBelow(2*i+2, best, suits)
}

func (q *queue) push(s *seat) {
	s.place = len(q.seats)
	q.seats = append(q.seats, s)
	q.up(s.place)
}

// remove takes out a seat that is in it.
func (q *queue) remove(s *seat) {
	i, last := s.place, len(q.seats)-1
	q.swap(i, last)
	q.seats[last] = nil
	if q.seats = q.seats[:last]; i < last {
		q.fix(q.seats[i])
	}
}

// fix moves a seat whose key has changed.
func (q *queue) fix(s *seat) {
	q.down(s.place)
	q.up(s.place)
}

func (q *queue) swap(i, j int) {
	q.seats[i], q.seats[j] = q.seats[j], q.seats[i]
	q.seats[i].place, q.seats[j].place = i, j
}

func (q *queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.seats[i].before(q.seats[parent]) {
			return
		}
		q.swap(i, parent)
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
		q.swap(i, least)
		i = least
	}
}

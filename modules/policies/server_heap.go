// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// heapItem is a server in a serverHeap.
type heapItem struct {
	server *pool.Server
	key    int
	serial uint64     // order of insertion, among equal keys
	index  int        // position in serverHeap.items
	owner  *wrrServer // set if this is part of a wrrServer
}

func (s *heapItem) wrrOwner() *wrrServer {
	if s == nil {
		return nil
	}
	return s.owner
}

func (s *heapItem) before(o *heapItem) bool {
	return s.key < o.key || s.key == o.key && s.serial < o.serial
}

// serverHeap is a binary heap of servers, ordered by key; equal keys are first in, first out.
type serverHeap struct{ items []*heapItem }

// first returns the item with the least key, or nil.
func (q *serverHeap) first() *heapItem {
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0]
}

// least returns the first item that suits, or nil. It searches only as far as necessary: all items
// below a suitable one come later.
func (q *serverHeap) least(suits func(*pool.Server) bool) *heapItem {
	return q.leastBelow(0, nil, suits)
}

func (q *serverHeap) leastBelow(i int, best *heapItem, suits func(*pool.Server) bool) *heapItem {
	if i >= len(q.items) || best != nil && !q.items[i].before(best) {
		return best
	}
	if suits(q.items[i].server) {
		return q.items[i]
	}
	best = q.leastBelow(2*i+1, best, suits)
	return q.leastBelow(2*i+2, best, suits)
}

func (q *serverHeap) push(s *heapItem) {
	s.index = len(q.items)
	q.items = append(q.items, s)
	q.up(s.index)
}

// remove removes an item from the heap.
func (q *serverHeap) remove(s *heapItem) {
	i, last := s.index, len(q.items)-1
	q.swap(i, last)
	q.items[last] = nil
	if q.items = q.items[:last]; i < last {
		q.fix(q.items[i])
	}
}

// fix restores the order after an item's key has changed.
func (q *serverHeap) fix(s *heapItem) {
	q.down(s.index)
	q.up(s.index)
}

func (q *serverHeap) swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	q.items[i].index, q.items[j].index = i, j
}

func (q *serverHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.items[i].before(q.items[parent]) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *serverHeap) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.items); child++ {
			if q.items[child].before(q.items[least]) {
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

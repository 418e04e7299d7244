// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"math/rand/v2"
	"time"
)

// Priority is a request's place among those that are queued. Requests of a lower class come first;
// within a class the one whose wait began first, as if it had begun Offset later. It is HAProxy's
// set-priority-class and set-priority-offset.
type Priority struct {
	Class  int
	Offset time.Duration
}

// queue holds waiting requests in the order in which they are served. It is a treap: a search tree
// by that order, kept balanced by random heights. To add a request behind all others, as is usual,
// takes constant time on average, anything else O(log n). The zero value is an empty queue.
type queue struct {
	root, first, last *waiter
	served            int // requests that left it with a server
}

// waiter is a waiting request and its place in a queue.
type waiter struct {
	request      *Request
	queue        *queue // nil: it no longer waits
	server       *state // the state whose queue it is in; nil: the backend's
	class        int
	due          time.Time // when its wait began, plus the offset of its priority
	since        uint64    // position in the order in which waits began
	servedBefore int       // queue.served when it joined

	above  *waiter
	below  [2]*waiter // those before it, and those behind it
	height uint32     // not below that of any of below

	ready chan struct{} // closed when it no longer waits
	lease *Lease        // the result, or nil
	err   error         // why there is no lease
}

// The sides of a waiter.
const (
	before = iota
	behind
)

// urgency compares waiters of any queues: negative if w comes first.
func (w *waiter) urgency(o *waiter) int {
	return cmp.Or(cmp.Compare(w.class, o.class), w.due.Compare(o.due))
}

// order compares waiters by urgency, and those of the same by age.
func (w *waiter) order(o *waiter) int {
	return cmp.Or(w.urgency(o), cmp.Compare(w.since, o.since))
}

// push adds a waiter, usually behind all others.
func (q *queue) push(w *waiter) {
	w.queue, w.servedBefore, w.height = q, q.served, rand.Uint32() //nolint:gosec // only balances the tree
	switch {
	case q.root == nil:
		q.root, q.first, q.last = w, w, w
		return
	case w.order(q.last) > 0:
		q.last.below[behind], w.above, q.last = w, q.last, w
	default:
		q.insert(w)
	}
	for w.above != nil && w.above.height < w.height {
		q.raise(w)
	}
}

// insert adds a waiter as a leaf of the tree.
func (q *queue) insert(w *waiter) {
	if w.order(q.first) < 0 {
		q.first = w
	}
	for at := q.root; ; {
		side := behind
		if w.order(at) < 0 {
			side = before
		}
		if at.below[side] == nil {
			at.below[side], w.above = w, at
			return
		}
		at = at.below[side]
	}
}

// remove removes a waiter from its queue.
func (q *queue) remove(w *waiter) {
	if q.first == w {
		q.first = w.neighbor(behind)
	}
	if q.last == w {
		q.last = w.neighbor(before)
	}
	for w.below[before] != nil && w.below[behind] != nil {
		if w.below[before].height > w.below[behind].height {
			q.raise(w.below[before])
		} else {
			q.raise(w.below[behind])
		}
	}
	q.replace(w, cmp.Or(w.below[before], w.below[behind]))
	w.queue, w.above, w.below = nil, nil, [2]*waiter{}
}

// raise exchanges a waiter with the one above it.
func (q *queue) raise(w *waiter) {
	top := w.above
	side := before
	if top.below[behind] == w {
		side = behind
	}
	q.replace(top, w)
	inner := w.below[1-side]
	w.below[1-side], top.above, top.below[side] = top, w, inner
	if inner != nil {
		inner.above = top
	}
}

// replace puts a waiter, or nil, in the place of another.
func (q *queue) replace(old, w *waiter) {
	switch top := old.above; {
	case top == nil:
		q.root = w
	case top.below[before] == old:
		top.below[before] = w
	default:
		top.below[behind] = w
	}
	if w != nil {
		w.above = old.above
	}
}

// neighbor returns the next waiter of the queue on a side, or nil.
func (w *waiter) neighbor(side int) *waiter {
	if at := w.below[side]; at != nil {
		for at.below[1-side] != nil {
			at = at.below[1-side]
		}
		return at
	}
	for w.above != nil && w.above.below[side] == w {
		w = w.above
	}
	return w.above
}

// next returns the waiter that is served after w, or nil.
func (w *waiter) next() *waiter { return w.neighbor(behind) }

// appendTo appends all waiters to a list, in order.
func (q *queue) appendTo(list []*waiter) []*waiter {
	for w := q.first; w != nil; w = w.next() {
		list = append(list, w)
	}
	return list
}

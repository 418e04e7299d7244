// SPDX-License-Identifier: Apache-2.0

package pool

// queue holds waiting requests, longest wait first. The zero value is an empty queue.
type queue struct {
	first, last *waiter
	served      int // requests that left it with a server
}

// waiter is a waiting request and its place in a queue.
type waiter struct {
	request      *Request
	queue        *queue // nil: it no longer waits
	server       *state // the state whose queue it is in; nil: the backend's
	prev, next   *waiter
	since        uint64 // position in the order in which waits began
	servedBefore int    // queue.served when it joined

	ready chan struct{} // closed when it no longer waits
	lease *Lease        // the result, or nil
	err   error         // why there is no lease
}

// push inserts a waiter behind all that have waited longer. It usually goes to the end.
func (q *queue) push(w *waiter) {
	after := q.last
	for after != nil && after.since > w.since {
		after = after.prev
	}
	w.queue, w.servedBefore, w.prev = q, q.served, after
	if after == nil {
		w.next, q.first = q.first, w
	} else {
		w.next, after.next = after.next, w
	}
	if w.next == nil {
		q.last = w
	} else {
		w.next.prev = w
	}
}

// remove removes a waiter from its queue.
func (q *queue) remove(w *waiter) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queue, w.prev, w.next = nil, nil, nil
}

// appendTo appends all waiters to a list.
func (q *queue) appendTo(list []*waiter) []*waiter {
	for w := q.first; w != nil; w = w.next {
		list = append(list, w)
	}
	return list
}

// SPDX-License-Identifier: Apache-2.0

package pool

// queue holds requests that wait, the longest wait first. The zero value is an
// empty one.
type queue struct {
	first, last *waiter
	served      int // how many have left it for a server
}

// waiter is a request's place in a queue.
type waiter struct {
	request      *Request
	queue        *queue // nil: it waits no more
	server       *state // whose queue that is; nil: the backend's
	prev, next   *waiter
	since        uint64 // the order in which waits began
	servedBefore int    // how many had been served when it came

	ready chan struct{} // told when it waits no more
	lease *Lease        // that it has got
	err   error         // why it has got none
}

// push puts a waiter behind all that have waited longer: mostly the last one.
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

// remove takes out a waiter that is in it.
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

// appendTo adds all waiters to a list.
func (q *queue) appendTo(list []*waiter) []*waiter {
	for w := q.first; w != nil; w = w.next {
		list = append(list, w)
	}
	return list
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"slices"
	"time"
)

// startWait queues a request for a server, or for any server if s is nil.
func (b *backend) startWait(r *Request, s *Server) {
	w := &r.waiter
	*w = waiter{
		request: r, class: r.Priority.Class, due: time.Now().Add(r.Priority.Offset), since: b.waitSeq,
		ready: make(chan struct{}),
	}
	b.waitSeq++
	b.refs++
	b.enqueue(w, s)
	b.counts.maxQueue = max(b.counts.maxQueue, b.busy-b.served)
}

// enqueue adds a waiter to the queue of a server, or of the backend if s is nil.
func (b *backend) enqueue(w *waiter, s *Server) {
	w.request.Queued.For = s
	if s == nil {
		w.server = nil
		b.queue.push(w)
		return
	}
	w.server = s.state
	s.state.refs++
	s.state.queue.push(w)
	b.countQueued(s.state)
}

// countQueued counts one more request in the queue of a server.
func (b *backend) countQueued(s *state) {
	s.counts.maxQueue = max(s.counts.maxQueue, int(s.queued.Add(1)))
	if known := b.current(s); known != nil {
		b.loadUp(known)
	}
}

// uncountQueued counts one less.
func (b *backend) uncountQueued(s *state) {
	s.queued.Add(-1)
	if known := b.current(s); known != nil {
		b.loadDown(known)
	}
}

// dequeue removes a waiter from its queue, and records its place in it.
func (b *backend) dequeue(w *waiter) {
	place := w.queue.served - w.servedBefore + 1
	if w.server == nil {
		w.request.Queued.Backend += place
	} else {
		w.request.Queued.Server += place
	}
	w.queue.remove(w)
	if s := w.server; s != nil {
		b.uncountQueued(s)
		b.release(s)
	}
}

// wait waits until a request gets a lease, is refused, or times out.
func (b *backend) wait(ctx context.Context, r *Request, timeout time.Duration) (*Lease, error) {
	w, began := &r.waiter, time.Now()
	var due <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		due = timer.C
	}
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = ctx.Err()
	case <-due:
		err = ErrQueueTimeout
	}
	r.Queued.Time += time.Since(began)
	b.mu.Lock()
	defer b.unlock()
	if w.queue != nil { // it was not served in the meantime
		b.dequeue(w)
		b.refuse(w, err)
	}
	return w.lease, w.err
}

// refuse ends the wait of a waiter that was dequeued, with an error.
func (b *backend) refuse(w *waiter, err error) {
	b.busy--
	b.refs--
	w.err = err
	close(w.ready)
}

// grant gives a server to a waiter, and ends its wait.
func (b *backend) grant(w *waiter, s *Server) {
	q := w.queue
	b.dequeue(w)
	q.served++
	w.lease = b.take(s, w.request, time.Now())
	b.refs-- // of the wait
	close(w.ready)
}

// fill gives the free slots of a server to the first requests that wait for it or for any server.
// Of two that are due at the same time, the one that waits for this server comes first, as in
// HAProxy.
func (b *backend) fill(s *Server) {
	for s.slotFree() {
		w := s.state.queue.first
		if other := b.firstFor(s); w == nil || other != nil && other.urgency(w) < 0 {
			w = other
		}
		if w == nil {
			return
		}
		b.grant(w, s)
	}
}

// firstFor returns the first waiter of the backend's queue that may use s.
func (b *backend) firstFor(s *Server) *waiter {
	if !s.state.viewed && !b.isLastResort(s) {
		return nil
	}
	for w := b.queue.first; w != nil; w = w.next() {
		r := w.request
		if s.state.viewed && r.lenient || !r.Avoids(s) && (s.state.viewed || r.avoidsAll(b.view)) {
			return w
		}
	}
	return nil
}

func (b *backend) fillAll() {
	for _, s := range b.pool.Servers() {
		if s.state.queue.first != nil || b.queue.first != nil {
			b.fill(s)
		}
	}
}

// requeueAll repeats the choice for all waiting requests, in the order of their priorities. A
// request with a free server gets it; a request whose server is gone, or is no longer the policy's
// choice, moves to another queue; a request with no usable server fails. The result is as if the
// requests came one after the other: a later one does not count before its turn.
func (b *backend) requeueAll() {
	waiting := b.waiters()
	for _, w := range waiting { // in order: the policy may depend on it
		if w.server != nil {
			b.uncountQueued(w.server)
		}
	}
	full := false // all servers are full: skip further requests that take any
	for _, w := range waiting {
		picky := w.server != nil || len(w.request.avoid) > 0
		if full && !picky {
			continue
		}
		stays := b.requeue(w)
		full = full || stays && !picky
	}
	b.fillAll()
}

// waiters returns the waiters to requeue, in order, and begins to count those that move.
func (b *backend) waiters() (waiting []*waiter) {
	for _, s := range b.states {
		s.requeued = 0
		if s.queue.first != nil && !b.keepsQueue(s) {
			waiting = s.queue.appendTo(waiting)
		}
	}
	waiting = b.queue.appendTo(waiting)
	slices.SortFunc(waiting, (*waiter).order)
	return waiting
}

// requeue serves a waiter, fails it, or moves it to the right queue. It reports whether the waiter
// stays where it is.
func (b *backend) requeue(w *waiter) (stays bool) {
	from := w.server
	s, waits, err := b.choose(w.request, false)
	if from != nil {
		b.countQueued(from)
	}
	var to *state
	if s != nil {
		to = s.state
	}
	switch {
	case waits && to == from:
		return true
	case err != nil && from != nil && !b.abandoned(from):
		return true // the server that it waits for still serves it
	case from != nil && to != from:
		w.request.Queued.Moved = true
		from.requeued++
	}
	switch {
	case err != nil:
		b.dequeue(w)
		b.refuse(w, err)
	case waits:
		b.dequeue(w)
		b.enqueue(w, s)
	default:
		b.grant(w, s)
	}
	return false
}

// abandoned reports whether a server no longer serves the requests that wait for it.
func (b *backend) abandoned(s *state) bool {
	return b.current(s) == nil || s.now.admin == Maint || s.now.down && b.pool.redispatch
}

// keepsQueue reports whether requests stay queued for a server regardless of the policy: HAProxy's
// rule for a server that is down, without Redispatch.
func (b *backend) keepsQueue(s *state) bool { return s.now.down && !b.abandoned(s) }

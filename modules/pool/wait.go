// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// enqueue has a request wait for a server, or with nil for any.
func (b *backend) enqueue(r *Request, s *Server) {
	w := &r.waiter
	*w = waiter{request: r, since: b.waits, ready: make(chan struct{})}
	b.waits++
	b.holds++
	b.line(w, s)
}

// line puts a waiter into the queue of a server, or with nil into the backend's.
func (b *backend) line(w *waiter, s *Server) {
	w.request.Queued.For = s
	if s == nil {
		w.server = nil
		b.queue.push(w)
		return
	}
	w.server = s.state
	s.state.refs++
	s.state.queued.Add(1)
	s.state.queue.push(w)
	if c, ok := b.pool.policy.(Counter); ok {
		c.Taken(s)
	}
}

// unline takes a waiter out of its queue, and tells its place in it.
func (b *backend) unline(w *waiter) {
	place := w.queue.served - w.place + 1
	if w.server == nil {
		w.request.Queued.Backend += place
	} else {
		w.request.Queued.Server += place
	}
	w.queue.remove(w)
	if s := w.server; s != nil {
		s.queued.Add(-1)
		if known := b.current(s); known != nil {
			b.dropped(known)
		}
		b.release(s)
	}
}

// wait waits until a request is given a lease, is refused, or has waited for too
// long.
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
	if w.queue != nil { // it has not been served in the meantime
		b.unline(w)
		b.refuse(w, err)
	}
	return w.lease, w.err
}

// refuse ends the wait of a waiter that is in no queue any more.
func (b *backend) refuse(w *waiter, err error) {
	b.busy--
	b.holds--
	w.err = err
	close(w.ready)
}

// grant gives a server to a waiter.
func (b *backend) grant(w *waiter, s *Server) {
	q := w.queue
	b.unline(w)
	q.served++
	w.lease = b.take(s, w.request)
	b.holds-- // of the wait
	close(w.ready)
}

// fill gives what is free at a server to those who have waited longest, for it or
// for any.
func (b *backend) fill(s *Server) {
	for s.hasSlot() {
		w := s.state.queue.first
		if s.state.viewed {
			if other := b.queue.firstFor(s); w == nil || other != nil && other.since < w.since {
				w = other
			}
		}
		if w == nil {
			return
		}
		b.grant(w, s)
	}
}

func (b *backend) fillAll() {
	for _, s := range b.pool.servers {
		if s.state.queue.first != nil || b.queue.first != nil {
			b.fill(s)
		}
	}
}

// move has those wait elsewhere whose server has gone, gives what is free to those
// who wait for any, and refuses those for whom there is nobody left; who has waited
// longest comes first.
func (b *backend) move() {
	var waiting []*waiter
	for _, s := range b.states {
		if s.queue.first != nil && b.lost(s) {
			waiting = s.queue.appendTo(waiting)
		}
	}
	waiting = b.queue.appendTo(waiting)
	slices.SortFunc(waiting, func(a, o *waiter) int { return cmp.Compare(a.since, o.since) })
	full := false // nobody has room: it need not be looked for again
	for _, w := range waiting {
		picky := w.server != nil || len(w.request.avoid) > 0
		if full && !picky {
			continue
		}
		stays := b.moveOne(w)
		full = full || stays && !picky
	}
	b.fillAll()
}

// moveOne has a waiter go where it belongs now, and reports whether it stays where
// it is.
func (b *backend) moveOne(w *waiter) (stays bool) {
	s, waits, err := b.choose(w.request, false)
	if waits && s == nil && w.server == nil {
		return true
	}
	if w.server != nil {
		w.request.Queued.Moved = true
		w.server.left++
	}
	switch {
	case err != nil:
		b.unline(w)
		b.refuse(w, err)
	case waits:
		b.unline(w)
		b.line(w, s)
	default:
		b.grant(w, s)
	}
	return false
}

// lost reports whether who waits for a server waits in vain.
func (b *backend) lost(s *state) bool {
	return b.current(s) == nil || s.now.admin == Maint || s.now.down && b.pool.redispatch
}

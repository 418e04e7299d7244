// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"time"
)

// choose returns the server for a request, and whether the request has to wait: for that server, or
// with s == nil for the first server with a free slot. isNew is false for requests that are already
// queued.
func (b *backend) choose(r *Request, isNew bool) (s *Server, waits bool, err error) {
	switch s = b.assigned(r, isNew); {
	case s != nil:
	case len(b.view.Servers) == 0:
		return nil, false, ErrNoServer
	case !r.avoidsAll(b.view):
		s = b.pick(r, isNew)
	default:
		return b.lastResort(r)
	}
	if s == nil || s.CanServe() {
		return s, s == nil, nil
	}
	if isNew && !s.CanQueue() { // a queued request that moves is not refused
		return s, false, ErrQueueFull
	}
	return s, true, nil
}

// assigned returns the one server that a request is meant for, or nil if the policy is to pick one.
func (b *backend) assigned(r *Request, isNew bool) *Server {
	if r.Server == "" {
		return nil
	}
	s := b.pool.server(r.Server)
	full := s != nil && isNew && !s.CanServe() && !s.CanQueue()
	switch {
	case s == nil, s.state.unresolved(), !s.state.now.up() && !r.Persistent && !r.Forced, r.Avoids(s):
	case full && b.pool.redispatch && !r.Forced:
		r.Queued.Moved = true
	default:
		return s
	}
	r.Server = ""
	return nil
}

// lastResort returns a backup that has not failed, for a request that avoids all servers of the
// view. If no such backup has a free slot, the request waits.
func (b *backend) lastResort(r *Request) (s *Server, waits bool, err error) {
	for _, s := range b.pool.Servers() {
		if !b.isLastResort(s) || r.Avoids(s) {
			continue
		}
		if s.CanServe() {
			return s, false, nil
		}
		waits = true
	}
	if !waits {
		err = ErrNoServer
	}
	return nil, waits, err
}

// isLastResort reports whether s is a backup that may serve as a last resort.
func (b *backend) isLastResort(s *Server) bool {
	return b.pool.lastResort && !b.view.Backups() && s.Backup && s.state.usable()
}

func (b *backend) pick(r *Request, isNew bool) *Server {
	if b.view.Backups() && !b.pool.allBackups { // HAProxy bypasses the algorithm here
		return b.view.Servers[0]
	}
	// A request at the head of the queue that avoids no server waits only if all servers are full.
	r.othersQueued = isNew && b.queue.first != nil && len(b.queue.first.request.avoid) == 0
	r.backendSessions = b.served
	r.hashFor(b.pool.policy)
	s := b.pool.policy.Pick(b.view, r)
	if s == nil && r.lenient && len(r.avoid) > 0 {
		avoid := r.avoid
		r.avoid = nil
		s = b.pool.policy.Pick(b.view, r)
		r.avoid = avoid
	}
	return s
}

// take returns a lease on a server, from now on, for a request that is already counted in busy.
func (b *backend) take(s *Server, r *Request, now time.Time) *Lease {
	if s.state.refs == 0 { // its configuration has ended
		b.bind(s)
		b.states[s.Name] = s.state
	}
	s.state.refs++
	b.refs++
	b.served++
	s.state.counts.take(int(s.state.sessions.Add(1)), now)
	s.state.counts.rate.Count(now)
	b.counts.take(b.served, now)
	b.loadUp(s)
	if b.pool.retryBudget != nil && !r.leased {
		b.attempts.first(now)
	}
	l := r.newLease()
	l.Server = s // keeps the state alive as long as the lease
	if b.pool.timed {
		l.began = stamp(now)
	}
	s.state.link(l)
	return l
}

// drop takes a lease back, and gives the free slot to the request that has waited longest.
func (b *backend) drop(l *Lease) {
	s := l.Server.state
	s.unlink(l)
	s.sessions.Add(-1)
	b.busy--
	b.served--
	b.refs--
	if known := b.current(s); known != nil {
		b.loadDown(known)
		b.fill(known)
	}
	b.release(s)
}

// loadUp tells the policy that a server has one connection more.
func (b *backend) loadUp(s *Server) {
	if c, ok := b.pool.policy.(LoadTracker); ok {
		c.Taken(s)
	}
}

// loadDown tells the policy that a server has one connection less.
func (b *backend) loadDown(s *Server) {
	if c, ok := b.pool.policy.(LoadTracker); ok {
		c.Dropped(s)
	}
}

// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// lockTries is the number of times that TryAcquire tries to take the backend's lock before it gives
// up. The lock is usually held for less than a microsecond.
const lockTries = 64

// TryAcquire returns the lease that Acquire would return without waiting, or nil. After nil the
// caller goes on with Acquire. A TryAcquire that returns nil leaves no trace: the request, the
// queues, the counts and the policy's position are unchanged.
//
// TryAcquire never blocks, and the first lease of a request allocates nothing. It may return nil
// although a server is free: if the backend's lock is taken, if the pool does not serve yet, or if
// requests are queued and limits grow with each new one (ServerConfig.MinConn).
func (p *Pool) TryAcquire(r *Request) (l *Lease) {
	r.hashFor(p.policy)
	b := p.backend.Load()
	if !b.tryLock() {
		return nil
	}
	if b.gone || b.pool == nil || !p.activated && !p.closed || b.pool.dynamic && b.busy > b.served {
		b.mu.Unlock()
		return nil
	}
	server, moved := r.Server, r.Queued.Moved
	b.busy++       // limits depend on it
	defer func() { // also if the policy panics
		if l == nil {
			b.busy--
			r.Server, r.Queued.Moved = server, moved
		}
		b.mu.Unlock() // not b.unlock: nothing was deferred, and no reference dropped
	}()
	if s := b.chooseFree(r); s != nil {
		now := r.Began
		if now.IsZero() {
			now = time.Now()
		}
		return b.take(s, r, now)
	}
	return nil
}

func (b *backend) tryLock() bool {
	for range lockTries {
		if b.mu.TryLock() {
			return true
		}
	}
	return false
}

// chooseFree returns the server that choose picks for a new request, if the request does not have
// to wait for it. It calls the policy only if a server has a free slot: a round robin would advance
// even if it picks none.
func (b *backend) chooseFree(r *Request) *Server {
	if b.assigned(r, true) == nil && !r.avoidsAll(b.view) && !b.anyFree(r) {
		return nil
	}
	s, waits, err := b.choose(r, true)
	if waits || err != nil {
		return nil
	}
	return s
}

// anyFree reports whether a server of the view can serve a request at once. It starts with the
// server that it found last.
func (b *backend) anyFree(r *Request) bool {
	n := len(b.view.Servers)
	for i := range n {
		if i += b.lastFree; i >= n {
			i -= n
		}
		if s := b.view.Servers[i]; s.CanServe() && (r.lenient || !r.Avoids(s)) {
			b.lastFree = i
			return true
		}
	}
	return false
}

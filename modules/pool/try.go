// SPDX-License-Identifier: Apache-2.0

package pool

// lockTries is how often TryAcquire tries to take the backend's lock, which is
// mostly held for less than a microsecond, before it gives up.
const lockTries = 64

// TryAcquire returns the lease that Acquire would return without waiting, or nil.
// After nil the caller goes on with Acquire, for which it is as if TryAcquire had
// not been called: the request, the queues, the counts and the policy's position
// are as before.
//
// TryAcquire never blocks, and the first lease of a request allocates nothing. It
// also returns nil, though a server may be free, where it would have to do more than
// that: where the backend's lock is taken, where the pool does not serve yet, and
// where requests wait and limits grow with each new one (ServerConfig.MinConn).
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
	defer func() { // also where the policy panics
		if l == nil {
			b.busy--
			r.Server, r.Queued.Moved = server, moved
		}
		b.mu.Unlock() // not b.unlock: nothing is put off, and no hold is given back
	}()
	if s := b.chooseFree(r); s != nil {
		return b.take(s, r)
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

// chooseFree returns the server that choose picks for a new request, if the request
// need not wait for it. The policy is asked only where it can pick a server with room:
// a round robin moves on even if it picks none.
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

// anyFree reports whether a server of the view can serve a request at once. It looks
// first at the one that it found last.
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

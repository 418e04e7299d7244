// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"sync/atomic"
)

// Registry keeps the state that outlives a configuration: each server's counts and health, keyed by
// backend and server name, as long as a pool or a lease needs them, and the queues and the policy's
// position, as long as a pool does. The zero value is ready to use. It is safe for concurrent use.
type Registry struct {
	mu       sync.Mutex // locked before a backend's lock
	backends map[string]*backend

	trackMu      sync.Mutex // locked after a backend's lock
	trackers     map[Ref][]Ref
	versions     atomic.Uint64
	loopsStarted atomic.Uint64 // check loops started so far
	removed      atomic.Int64  // see SetRemovedTimeout
	counts       countsByName
	onSeen       atomic.Pointer[func()]
}

// OnSeen sets a function to call when a check has seen other certificates of a server than before.
// It must not block.
func (r *Registry) OnSeen(f func()) { r.onSeen.Store(&f) }

// find returns the backend of that name, locked, or nil.
func (r *Registry) find(name string) *backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.backends[name]
	if b != nil {
		b.mu.Lock()
	}
	return b
}

// lock returns the backend of that name, locked, and creates it if necessary.
func (r *Registry) lock(name string) *backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.backends[name]
	if b == nil {
		if r.backends == nil {
			r.backends = make(map[string]*backend)
		}
		b = &backend{registry: r, name: name, states: make(map[string]*state), counts: r.counts.get(Ref{Backend: name})}
		r.backends[name] = b
	}
	b.mu.Lock()
	return b
}

// forget drops a backend that is not referenced.
func (r *Registry) forget(b *backend) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs > 0 || b.gone { // taken up again between the two locks
		return
	}
	b.gone = true
	delete(r.backends, b.name)
	if b.slowStart != nil {
		b.slowStart.Stop()
	}
}

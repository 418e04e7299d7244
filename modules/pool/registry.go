// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"sync/atomic"
)

// Registry keeps what outlives a configuration: each server's counts and state,
// keyed by backend and server name, for as long as a pool or a lease needs them,
// and who waits and the policy's position, as long as there is a pool. The zero value is ready to use; it is
// safe for concurrent use.
type Registry struct {
	mu       sync.Mutex // locked before a backend's
	backends map[string]*backend

	trackMu      sync.Mutex // locked after a backend's
	trackers     map[Ref][]Ref
	versions     atomic.Uint64
	loopsStarted atomic.Uint64 // that have begun
	removed      atomic.Int64  // see SetRemovedTimeout
}

// find finds a backend, and locks it; nil: there is none.
func (r *Registry) find(name string) *backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.backends[name]
	if b != nil {
		b.mu.Lock()
	}
	return b
}

// lock finds or makes a backend, and locks it.
func (r *Registry) lock(name string) *backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.backends[name]
	if b == nil {
		if r.backends == nil {
			r.backends = make(map[string]*backend)
		}
		b = &backend{registry: r, name: name, states: make(map[string]*state)}
		r.backends[name] = b
	}
	b.mu.Lock()
	return b
}

// forget drops a backend that nobody needs.
func (r *Registry) forget(b *backend) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs > 0 || b.gone { // between the two locks somebody may have found it
		return
	}
	b.gone = true
	delete(r.backends, b.name)
	if b.slowStart != nil {
		b.slowStart.Stop()
	}
}

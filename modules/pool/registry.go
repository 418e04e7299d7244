// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"sync/atomic"
)

// Registry keeps what outlives a configuration: each server's counts, keyed by
// backend and server name, for as long as a pool or a lease needs them, and
// each backend's policy position, for as long as a pool of it is open. The zero
// value is ready to use; it is safe for concurrent use.
type Registry struct {
	mu       sync.Mutex
	states   map[key]*state
	backends map[string]*shared
}

type key struct{ backend, server string }

// shared is what the configurations of one backend have in common.
type shared struct {
	pools  int
	policy Policy // the one that picked last
}

// state is what is known of one server, whatever configuration names it.
type state struct {
	registry *Registry
	key      key
	refs     atomic.Int64 // pools that name it, and leases

	sessions atomic.Int64
	taken    atomic.Uint64
	failed   atomic.Uint64
}

func (r *Registry) join(p *Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.backends == nil {
		r.backends, r.states = make(map[string]*shared), make(map[key]*state)
	}
	b := r.backends[p.backend]
	if b == nil {
		b = new(shared)
		r.backends[p.backend] = b
	}
	b.pools++
	for _, s := range p.servers {
		s.state = r.hold(&state{registry: r, key: key{p.backend, s.Name}})
	}
}

// hold counts one reference to the state under s's key, which is s itself if
// there is none. The caller holds r.mu.
func (r *Registry) hold(s *state) *state {
	if known := r.states[s.key]; known != nil {
		s = known
	} else {
		r.states[s.key] = s
	}
	s.refs.Add(1)
	return s
}

func (r *Registry) leave(p *Pool) {
	for _, s := range p.servers {
		s.state.release()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.backends[p.backend]
	if b.pools--; b.pools == 0 {
		delete(r.backends, p.backend)
	}
}

// succeed makes p's policy the backend's, after it has adopted its
// predecessor's position. A pool that is late, its configuration being over,
// finds no backend or a successor, and changes neither.
func (r *Registry) succeed(p *Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.backends[p.backend]
	if b == nil {
		return
	}
	if k, ok := p.policy.(Keeper); ok && b.policy != nil {
		k.Adopt(b.policy)
	}
	b.policy = p.policy
}

// retain counts one reference for a lease. Only where s was forgotten in the
// meantime (its pool is closed) the lock is taken, and the count goes to
// whatever state has s's name by then.
func (r *Registry) retain(s *state) *state {
	for n := s.refs.Load(); n > 0; n = s.refs.Load() {
		if s.refs.CompareAndSwap(n, n+1) {
			return s
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hold(s)
}

// release gives one reference back and forgets the state with the last.
func (s *state) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	// Between the count and the lock somebody may have found it again.
	if s.refs.Load() == 0 && s.registry.states[s.key] == s {
		delete(s.registry.states, s.key)
	}
}

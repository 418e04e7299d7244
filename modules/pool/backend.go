// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"slices"
	"sync"
	"time"
)

// backend holds what the configurations of one backend share. One lock guards all of it, including
// the policies: a choice of a server depends on every count.
type backend struct {
	registry *Registry
	name     string

	mu           sync.Mutex
	gone         bool // the registry has dropped it
	refs         int  // pools, leases and queued requests
	states       map[string]*state
	running      []*Pool       // activated pools that are not closed, in order
	pool         *Pool         // the pool that serves: the last of running
	view         View          // the view of that pool
	lastFree     int           // see anyFree
	busy         int           // requests that have a server or are queued
	served       int           // requests that have a server
	queue        queue         // for the first server with a free slot
	waitSeq      uint64        // number of waits so far
	attempts     attemptCounts // used if the pool that serves has a retry budget
	slowStart    *time.Timer
	events       []Event  // the last transitions
	deferred     []func() // see afterUnlock
	runsDeferred bool     // a goroutine is running deferred functions
	empty        bool     // the view was empty, and an event has reported it
	counts       *Counts
	dynamic      dynamic
}

// unlock unlocks the backend, runs the deferred functions, and drops the backend if it is no longer
// referenced.
func (b *backend) unlock() {
	for len(b.deferred) > 0 && !b.runsDeferred {
		tasks := b.deferred
		b.deferred, b.runsDeferred = nil, true
		b.mu.Unlock()
		for _, do := range tasks {
			do()
		}
		b.mu.Lock()
		b.runsDeferred = false
	}
	b.dropPool()
	unused := b.refs == 0 && !b.gone
	b.mu.Unlock()
	if unused {
		b.registry.forget(b)
	}
}

// hold returns the state under a name, and takes a reference to it.
func (b *backend) hold(name string) *state {
	s := b.states[name]
	if s == nil {
		s = b.newState(name)
		b.states[name] = s
	}
	s.refs++
	return s
}

// newState returns the state of a server, with the counts that it may have had before.
func (b *backend) newState(name string) *state {
	return &state{backend: b, name: name, counts: b.registry.counts.get(Ref{b.name, name})}
}

// release gives a reference to a state back, and drops the state with the last one.
func (b *backend) release(s *state) {
	if s.refs--; s.refs == 0 {
		s.removal.stop()
		s.departures.stop()
		s.counts.setDown(false, time.Now())
		delete(b.states, s.name)
	}
}

// activate makes a pool serve the backend when it is first used. A pool whose configuration has
// ended, or was replaced, uses the pool that serves.
func (b *backend) activate(p *Pool) {
	switch {
	case p.activated || p.closed:
		if b.pool == nil {
			b.use(p)
		}
	default:
		p.activated = true
		b.running = append(b.running, p)
		b.use(p)
	}
}

// deactivate ends a configuration's hold. If its pool was serving, that configuration has failed to
// load, and the previous pool serves again.
func (b *backend) deactivate(p *Pool) {
	if i := slices.Index(b.running, p); i >= 0 {
		b.running = slices.Delete(b.running, i, i+1)
		switch n := len(b.running); {
		case n == 0:
			b.updateLoops()
			b.dropDynamic()
			b.registry.registerTrackers(b.name, nil)
			b.scheduleEvictions()
		case b.pool == p:
			b.use(b.running[n-1])
		}
	}
	b.refs--
	for _, s := range p.original {
		if current := s.state.server; b.pool != p && current != nil && current.pool == p {
			s.state.server = nil
		}
		b.release(s.state)
	}
}

// dropPool drops the pool that served last once only sessions are left: otherwise they would keep
// its policy in memory.
func (b *backend) dropPool() {
	if b.pool == nil || len(b.running) > 0 || b.refs > b.served {
		return
	}
	for _, s := range b.states {
		s.server = nil
	}
	b.stopSlowStart()
	b.pool, b.view, b.lastFree = nil, View{}, 0
}

// use makes p the pool that serves.
func (b *backend) use(p *Pool) {
	old := b.pool
	b.pool = p
	b.applyDynamic()
	for _, s := range p.Servers() {
		b.bind(s)
		s.state.server = s
		if now, err := b.applyResolution(s); err == nil {
			s = now
		} else {
			s.state.resolution = nil // the configuration does not allow it any more
		}
		s.state.configure(s.configured())
		b.readjust(s)
	}
	if k, ok := p.policy.(StateAdopter); ok && old != nil && !p.adopted {
		k.Adopt(old.policy)
	}
	p.adopted = true
	b.rebuild(cause{Result: Result{Code: CodeManual, Info: "configuration"}})
	b.updateLoops()
	b.scheduleEvictions()
	b.registry.registerTrackers(b.name, p.Servers())
	for _, s := range p.Servers() {
		if s.Track != (Ref{}) {
			b.afterUnlock(func() { b.registry.inherit(Ref{b.name, s.Name}, s.Track) })
		}
	}
}

// bind points s at the current state for its name; the pool of s may already be closed.
func (b *backend) bind(s *Server) {
	if s.state.refs > 0 && s.state.backend == b {
		return
	}
	if known := b.states[s.Name]; known != nil {
		s.state = known
	} else if s.state.backend != b {
		s.state = b.newState(s.Name)
	}
}

// current returns the server of a state in the pool that serves, or nil.
func (b *backend) current(s *state) *Server {
	if s.server != nil && s.server.pool == b.pool {
		return s.server
	}
	return nil
}

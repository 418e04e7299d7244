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
		s = &state{backend: b, name: name}
		b.states[name] = s
	}
	s.refs++
	return s
}

// release gives a reference to a state back, and drops the state with the last one.
func (b *backend) release(s *state) {
	if s.refs--; s.refs == 0 {
		s.removal.stop()
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
			b.registry.registerTrackers(b.name, nil)
			b.scheduleEvictions()
		case b.pool == p:
			b.use(b.running[n-1])
		}
	}
	b.refs--
	for _, s := range p.servers {
		if b.pool != p && s.state.server == s {
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
	if b.slowStart != nil {
		b.slowStart.Stop()
		b.slowStart = nil
	}
	b.pool, b.view, b.lastFree = nil, View{}, 0
}

// use makes p the pool that serves.
func (b *backend) use(p *Pool) {
	old := b.pool
	b.pool = p
	for _, s := range p.servers {
		b.bind(s)
		s.state.server = s
		s.state.configure(&s.ServerConfig)
	}
	if k, ok := p.policy.(StateAdopter); ok && old != nil && !p.adopted {
		k.Adopt(old.policy)
	}
	p.adopted = true
	b.rebuild(cause{Result: Result{Code: CodeManual, Info: "configuration"}})
	b.updateLoops()
	b.scheduleEvictions()
	b.registry.registerTrackers(b.name, p.servers)
	for _, s := range p.servers {
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
		s.state = &state{backend: b, name: s.Name}
	}
}

// update runs do, which changes a server's state, and rebuilds the view if the condition or the
// settings have changed.
func (b *backend) update(s *Server, do func() cause) {
	state := s.state
	run, standing := state.run, state.condition()
	why := do()
	if run != state.run || standing != state.condition() {
		b.rebuild(why)
	}
}

// rebuild recomputes the view from the servers' states, requeues the waiting requests and emits
// events.
func (b *backend) rebuild(why cause) {
	p, now := b.pool, time.Now()
	before, starting := make([]condition, len(p.servers)), false
	p.dynamic = false
	for i, s := range p.servers {
		before[i] = s.state.evaluate(&s.ServerConfig, now)
		s.state.viewed = false
		starting = starting || s.state.starting()
		p.dynamic = p.dynamic || s.dynamic()
	}
	b.view, b.lastFree = newView(p.servers, p.allBackups), 0
	for _, s := range b.view.Servers {
		s.state.viewed = true
	}
	if r, ok := p.policy.(Rebuilder); ok {
		r.Rebuild(b.view)
	}
	if b.slowStart != nil {
		b.slowStart.Stop()
		b.slowStart = nil
	}
	if starting && b.refs > 0 {
		b.slowStart = time.AfterFunc(time.Second, b.slowStartTick)
	}
	b.requeueAll()
	for i, s := range p.servers {
		if before[i] != s.state.now {
			b.conditionChanged(s, before[i], why)
		}
	}
	if empty := len(b.view.Servers) == 0; empty != b.empty {
		b.empty = empty
		what := UsableServerAgain
		if empty {
			what = NoUsableServer
		}
		b.emit(Event{Kind: what})
	}
}

// conditionChanged emits the event of a changed condition, passes it on to the servers that track
// this one, and evicts sessions.
func (b *backend) conditionChanged(s *Server, before condition, why cause) {
	b.emitChange(s, before, why)
	b.afterUnlock(func() { b.registry.propagate(Ref{b.name, s.Name}) })
	switch up := s.state.now.up(); {
	case before.up() && !up && s.EvictOnDown:
		b.evict(s.state, EvictMarkedDown)
	case s.EvictBackupsOnUp && !s.Backup && s.state.usable():
		for _, other := range b.pool.servers {
			if other.Backup {
				b.evict(other.state, EvictBackupSpare)
			}
		}
	}
}

// evict ends the sessions of a server.
func (b *backend) evict(s *state, why EvictReason) {
	for l := s.leases; l != nil; l = l.next {
		if l.evicted != NotEvicted {
			continue
		}
		if l.evicted = why; l.holder != nil {
			holder := l.holder
			b.afterUnlock(func() { holder.LeaseEvicted(why) })
		}
	}
}

// slowStartTick rebuilds the view once per second while a server is in slow start.
func (b *backend) slowStartTick() {
	b.mu.Lock()
	defer b.unlock()
	if !b.gone && b.pool != nil {
		b.rebuild(cause{})
	}
}

// current returns the server of a state in the pool that serves, or nil.
func (b *backend) current(s *state) *Server {
	if s.server != nil && s.server.pool == b.pool {
		return s.server
	}
	return nil
}

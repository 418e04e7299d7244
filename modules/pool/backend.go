// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"slices"
	"sync"
	"time"
)

// backend is what the configurations of one backend have in common. One lock
// guards it all, with the policies: a choice depends on every count.
type backend struct {
	registry *Registry
	name     string

	mu        sync.Mutex
	gone      bool // the registry has dropped it
	refs      int  // pools, leases and requests that wait
	states    map[string]*state
	running   []*Pool       // that have been asked for a server and are not closed, in order
	pool      *Pool         // that serves: the last of them
	view      View          // of that pool
	lastFree  int           // see anyFree
	busy      int           // requests that have a server or wait for one
	served    int           // those that have one
	queue     queue         // for whichever server has room
	waitSeq   uint64        // how many there have been
	attempts  attemptCounts // counted where the pool that serves has a retry budget
	slowStart *time.Timer
	events    []Event  // the last transitions
	deferred  []func() // see after
	draining  bool     // somebody does them
	empty     bool     // the view was, and that has been told
}

// unlock unlocks, does what was put off until then, and drops the backend if
// nobody needs it any more.
func (b *backend) unlock() {
	for len(b.deferred) > 0 && !b.draining {
		tasks := b.deferred
		b.deferred, b.draining = nil, true
		b.mu.Unlock()
		for _, do := range tasks {
			do()
		}
		b.mu.Lock()
		b.draining = false
	}
	b.dropPool()
	unused := b.refs == 0 && !b.gone
	b.mu.Unlock()
	if unused {
		b.registry.forget(b)
	}
}

// hold counts one reference to the state under a name.
func (b *backend) hold(name string) *state {
	s := b.states[name]
	if s == nil {
		s = &state{backend: b, name: name}
		b.states[name] = s
	}
	s.refs++
	return s
}

// release gives one reference back, and forgets the state with the last.
func (b *backend) release(s *state) {
	if s.refs--; s.refs == 0 {
		s.removal.stop()
		delete(b.states, s.name)
	}
}

// activate has a pool serve the backend from its first request on. A pool that is
// late, its configuration being over, has whoever serves do it.
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

// deactivate ends a configuration's hold. Where it served, the one before it does so
// again: it has failed.
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

// dropPool forgets the pool that served last when only sessions are left: they would
// keep its policy in memory for as long as they last.
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

// use makes a pool the one that serves.
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

// bind has a server of a pool that may be closed have the state that there is
// under its name by now.
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

// update changes a server's state, and has what follows from that follow.
func (b *backend) update(s *Server, do func() cause) {
	state := s.state
	run, standing := state.run, state.condition()
	why := do()
	if run != state.run || standing != state.condition() {
		b.rebuild(why)
	}
}

// rebuild makes the view that follows from the servers' states, and moves those
// who wait to where they belong now.
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

// conditionChanged does what follows where a server stands otherwise than before.
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

// evict has the sessions of a server end.
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

// slowStartTick is what happens each second while a server starts slowly.
func (b *backend) slowStartTick() {
	b.mu.Lock()
	defer b.unlock()
	if !b.gone && b.pool != nil {
		b.rebuild(cause{})
	}
}

// choose is the server for a request, and whether it has to wait for that one;
// where it has to wait for whichever has room, there is none. New ones are those
// that do not wait yet.
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
	if isNew && !s.CanQueue() { // those that wait already are not refused when they move
		return s, false, ErrQueueFull
	}
	return s, true, nil
}

// assigned is the server that a request is for, if it is for one alone.
func (b *backend) assigned(r *Request, isNew bool) *Server {
	if r.Server == "" {
		return nil
	}
	s := b.pool.server(r.Server)
	full := s != nil && isNew && !s.CanServe() && !s.CanQueue()
	switch {
	case s == nil, !s.state.now.up() && !r.Persistent && !r.Forced, r.Avoids(s):
	case full && b.pool.redispatch && !r.Forced:
		r.Queued.Moved = true
	default:
		return s
	}
	r.Server = ""
	return nil
}

// lastResort chooses a backup that has not failed, for a request that avoids all
// servers of the view: one that has room; where none has, the request waits.
func (b *backend) lastResort(r *Request) (s *Server, waits bool, err error) {
	for _, s := range b.pool.servers {
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
	if b.view.Backups() && !b.pool.allBackups { // HAProxy does not ask the algorithm then
		return b.view.Servers[0]
	}
	// Who is first in the queue and avoids nobody waits because nobody has room.
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

// take gives a request, which is in busy already, a lease on a server.
func (b *backend) take(s *Server, r *Request) *Lease {
	if s.state.refs == 0 { // its configuration is over
		b.bind(s)
		b.states[s.Name] = s.state
	}
	s.state.refs++
	b.refs++
	b.served++
	s.state.sessions.Add(1)
	s.state.taken.Add(1)
	b.loadUp(s)
	if b.pool.retryBudget != nil && !r.leased {
		b.attempts.first(time.Now())
	}
	l := r.newLease()
	l.Server = s // which keeps its state as long as there is a lease
	s.state.link(l)
	return l
}

// drop takes a lease back and gives what has become free to who waits.
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

// current is the server of a state in the pool that serves; nil where it has
// none.
func (b *backend) current(s *state) *Server {
	if s.server != nil && s.server.pool == b.pool {
		return s.server
	}
	return nil
}

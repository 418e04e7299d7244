// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"time"
)

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
	p := b.pool
	before, starting := b.evaluate()
	b.view, b.lastFree = newView(p.Servers(), p.allBackups), 0
	for _, s := range b.view.Servers {
		s.state.viewed = true
	}
	if r, ok := p.policy.(Rebuilder); ok {
		r.Rebuild(b.view)
	}
	b.stopSlowStart()
	if starting && b.refs > 0 {
		b.slowStart = time.AfterFunc(time.Second, b.slowStartTick)
	}
	b.requeueAll()
	for i, s := range p.Servers() {
		if before[i] != s.state.now {
			b.conditionChanged(s, before[i], why)
		}
	}
	b.checkEmpty()
}

// evaluate updates the conditions of the servers, and returns those before and whether a server is
// in slow start.
func (b *backend) evaluate() (before []condition, starting bool) {
	p, now := b.pool, time.Now()
	before = make([]condition, len(p.Servers()))
	p.dynamic = false
	for i, s := range p.Servers() {
		before[i] = s.state.evaluate(&s.ServerConfig, now)
		s.state.viewed = false
		starting = starting || s.state.starting()
		p.dynamic = p.dynamic || s.dynamic()
	}
	return before, starting
}

// checkEmpty emits an event if the last usable server has gone, or one is usable again.
func (b *backend) checkEmpty() {
	if empty := len(b.view.Servers) == 0; empty != b.empty {
		b.empty = empty
		b.counts.setDown(empty, time.Now())
		what := UsableServerAgain
		if empty {
			what = NoUsableServer
			b.counts.downs++
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
		for _, other := range b.pool.Servers() {
			if other.Backup {
				b.evict(other.state, EvictBackupSpare)
			}
		}
	}
}

// evict ends the sessions of a server.
func (b *backend) evict(s *state, why EvictReason) {
	b.evictIf(s, why, func(*Lease) bool { return true })
}

// evictIf ends some of the sessions of a server.
func (b *backend) evictIf(s *state, why EvictReason, which func(*Lease) bool) {
	for l := s.leases; l != nil; l = l.next {
		if l.evicted != NotEvicted || !which(l) {
			continue
		}
		if l.evicted = why; l.holder != nil {
			holder := l.holder
			b.afterUnlock(func() { holder.LeaseEvicted(why) })
		}
	}
}

// stopSlowStart stops the timer of slowStartTick.
func (b *backend) stopSlowStart() {
	if b.slowStart != nil {
		b.slowStart.Stop()
		b.slowStart = nil
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

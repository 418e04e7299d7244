// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// maxEvents is the number of transitions that a backend remembers.
const maxEvents = 100

// EventKind is the kind of an event of a server or a backend.
type EventKind uint8

// The kinds of events.
const (
	ServerDown   EventKind = iota
	ServerUp               // the server may be in drain mode
	MaintStarted           // the server has entered maintenance
	MaintEnded             // the server is ready or in drain mode again, up or down
	DrainStarted           // the server gets no new connections
	DrainEnded
	NoUsableServer // the backend's last usable server has gone
	UsableServerAgain
	CheckChanged // a check ended differently than the last one: no transition
	AgentChanged // an agent reports something new: no transition
	// AddressChanged means that the DNS or a discovery has found another address: no transition.
	AddressChanged
)

// Event is one event of a backend or of one of its servers.
type Event struct {
	At      time.Time
	Backend string
	Server  string // empty: the event is the backend's
	Backup  bool   // whether the server is a backup
	Kind    EventKind

	// Result is the cause; Took is the duration of the check that led to it, if any.
	Result Result
	Took   time.Duration
	// Via is the tracked server, if the change comes from there.
	Via Ref

	// From and To are the addresses of AddressChanged.
	From, To string
	// Unresolved reports that the server has no address, see Resolution. With it, or if that has just
	// ended, Code is CodeResolved.
	Unresolved bool

	// Down is the server's health, Counter and Of are HAProxy's measure of it (see ServerStatus), and
	// Admin is its administrative state.
	Down        bool
	Counter, Of int
	Admin       Admin

	// Active and Backups are the numbers of usable servers now.
	Active, Backups int
	// Sessions is the server's number of sessions now.
	Sessions int64
	// Requeued is the number of requests that were moved from the server's queue to other servers,
	// Queued the number of those that are still queued for it.
	Requeued int
	Queued   int64
}

// cause says why something changes.
type cause struct {
	Result
	took time.Duration
	via  Ref
}

// afterUnlock registers do to run once the lock is free again. Registered functions run one at a
// time, in order.
func (b *backend) afterUnlock(do func()) { b.deferred = append(b.deferred, do) }

// emit passes an event to Notify, and remembers it if it is a transition.
func (b *backend) emit(e Event) {
	e.At, e.Backend = time.Now(), b.name
	e.Active, e.Backups = b.usable()
	if e.Kind < CheckChanged {
		if len(b.events) == maxEvents {
			b.events = append(b.events[:0], b.events[1:]...)
		}
		b.events = append(b.events, e)
	}
	if notify := b.pool.notify; notify != nil {
		b.afterUnlock(func() { notify(e) })
	}
}

// usable returns the number of usable servers.
func (b *backend) usable() (active, backups int) {
	for _, s := range b.pool.Servers() {
		switch {
		case !s.state.usable():
		case s.Backup:
			backups++
		default:
			active++
		}
	}
	return active, backups
}

// emitChange emits the event for a server whose condition has changed.
func (b *backend) emitChange(s *Server, before condition, why cause) {
	now := s.state.now
	if before.admin == Maint && now.admin == Maint { // health does not matter in maintenance
		return
	}
	e := s.event(before.changeTo(now), why)
	e.Requeued = s.state.requeued
	b.emit(e)
}

// changeTo returns the kind of the change to another condition.
func (s condition) changeTo(now condition) EventKind {
	switch {
	case now.admin == Maint:
		return MaintStarted
	case s.admin == Maint:
		return MaintEnded
	case now.down && !s.down: // this also ends a drain that the checks asked for
		return ServerDown
	case now.admin != s.admin && now.admin == Drain:
		return DrainStarted
	case now.admin != s.admin:
		return DrainEnded
	case now.down:
		return ServerDown
	default:
		return ServerUp
	}
}

// event returns an event of the server.
func (s *Server) event(what EventKind, why cause) Event {
	e := Event{
		Server: s.Name, Backup: s.Backup, Kind: what, Result: why.Result, Took: why.took, Via: why.via,
		Down: s.state.health.isDown(), Admin: s.state.now.admin, Sessions: s.Sessions(), Queued: s.Queued(),
		Unresolved: s.state.unresolved(),
	}
	e.Counter, e.Of = s.state.health.check.shown()
	return e
}

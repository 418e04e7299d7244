// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// maxEvents is how many transitions of a backend are remembered.
const maxEvents = 100

// EventKind is what has happened to a server or a backend.
type EventKind uint8

// What may happen.
const (
	ServerDown        EventKind = iota
	ServerUp                    // it may be in the state drain
	MaintStarted                // the operator has taken it out
	MaintEnded                  // it is drain or ready again, and up or not
	DrainStarted                // no new connections
	DrainEnded                  // ready again
	NoUsableServer              // a backend has no usable server any more
	UsableServerAgain           // a backend has one again
	CheckChanged                // a check ended differently than the last one: no transition
	AgentChanged                // an agent reports something new: no transition
)

// Event tells of one thing that has happened.
type Event struct {
	At      time.Time
	Backend string
	Server  string // empty: it is about the backend
	Backup  bool   // the server is one
	Kind    EventKind

	// Why and, where a check told so, how long that took.
	Result Result
	Took   time.Duration
	// Via is the server that this one tracks, if that is the reason.
	Via Ref

	// Down is how the server's health is, Counter of Of how near the other one is, and
	// Admin what is wanted of it.
	Down        bool
	Counter, Of int
	Admin       Admin

	// Active and Backups are how many usable servers there are now.
	Active, Backups int
	// Sessions that the server has now.
	Sessions int64
	// Requeued are those who waited for the server and have been sent elsewhere,
	// Queued those who wait for it still.
	Requeued int
	Queued   int64
}

// cause is why something happens.
type cause struct {
	Result
	took time.Duration
	via  Ref
}

// afterUnlock has something done when the lock is free again: by one goroutine at a
// time, in order.
func (b *backend) afterUnlock(do func()) { b.deferred = append(b.deferred, do) }

// emit has those who want to know told of an event, and remembers it.
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

// usable is how many servers may be given connections.
func (b *backend) usable() (active, backups int) {
	for _, s := range b.pool.servers {
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

// emitChange tells what has become of a server that stood otherwise before.
func (b *backend) emitChange(s *Server, before condition, why cause) {
	now, what := s.state.now, ServerUp
	switch {
	case now.admin == Maint:
		what = MaintStarted
	case before.admin == Maint:
		what = MaintEnded
	case now.down && !before.down: // and a drain that its checks asked for is over with that
		what = ServerDown
	case now.admin != before.admin && now.admin == Drain:
		what = DrainStarted
	case now.admin != before.admin:
		what = DrainEnded
	case now.down:
		what = ServerDown
	}
	if before.admin == Maint && now.admin == Maint { // its health does not matter now
		return
	}
	e := s.event(what, why)
	e.Requeued = s.state.requeued
	b.emit(e)
}

// event is one about the server.
func (s *Server) event(what EventKind, why cause) Event {
	e := Event{
		Server: s.Name, Backup: s.Backup, Kind: what, Result: why.Result, Took: why.took, Via: why.via,
		Down: s.state.health.isDown(), Admin: s.state.now.admin, Sessions: s.Sessions(), Queued: s.Queued(),
	}
	e.Counter, e.Of = s.state.health.check.shown()
	return e
}

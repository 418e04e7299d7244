// SPDX-License-Identifier: Apache-2.0

package pool

// Outcome is what became of a lease.
type Outcome uint8

// The outcomes of a lease.
const (
	// Served: the connection was made; how it ended later is not the pool's.
	Served Outcome = iota
	// ConnectFailed: the server could not be reached.
	ConnectFailed
	// NotTried: there was no attempt to reach the server, so nothing was
	// learned about it.
	NotTried
	// BrokenEarly: the server broke the connection before it had sent anything.
	BrokenEarly
)

// EvictReason is why a lease is to be given back at once.
type EvictReason uint8

// The reasons.
const (
	NotEvicted         EvictReason = iota
	EvictMarkedDown                // the server is down or in maintenance, and has CutWhenDown
	EvictBackupSpare               // a server with CutBackups is up again, and this is a backup
	EvictServerRemoved             // the server has left the configuration, see SetRemovedTimeout
)

// Lease is one connection's hold on a server, and on one of its slots where it
// has MaxConn. Its methods are safe for concurrent use.
type Lease struct {
	Server *Server

	prev, next *Lease // in the list of the server's state

	// Of the backend's lock:
	released bool
	evicted  EvictReason
	holder   Holder // nil: none yet
}

// Holder is told that the connection of a lease is to end at once.
type Holder interface {
	// LeaseEvicted is called once, in another goroutine.
	LeaseEvicted(EvictReason)
}

// HolderFunc is a function that is a Holder.
type HolderFunc func(EvictReason)

// LeaseEvicted calls f.
func (f HolderFunc) LeaseEvicted(why EvictReason) { f(why) }

// Failed notes that the server could not be reached, and keeps it for another
// attempt. It must not be called after Release.
func (l *Lease) Failed() {
	l.Server.state.failed.Add(1)
	l.observe(true)
	if l.Server.Passive.Fails > 0 {
		b := l.Server.state.backend
		b.mu.Lock()
		defer b.unlock()
		b.connectFailed(l.Server.state)
	}
}

// Reached notes that the server has been connected to.
func (l *Lease) Reached() {
	if trial := &l.Server.state.health.ejection.trial; l.Server.Passive.Fails > 0 && trial.Load() {
		trial.Store(false)
	}
	if l.Server.Observe == ObserveConnect {
		l.observe(false)
	}
}

// Answered notes that the server has sent something.
func (l *Lease) Answered() {
	if l.Server.Observe == ObserveAnswer {
		l.observe(false)
	}
}

// observe counts what a client has met.
func (l *Lease) observe(failed bool) {
	s := l.Server
	if s.Observe == ObserveNothing || !l.Server.state.health.observed(failed, s.ErrorLimit) {
		return
	}
	b := l.Server.state.backend
	b.mu.Lock()
	defer b.unlock()
	b.penalize(l.Server.state)
}

// OnEvict has h told when the connection is to end at once; if that has been decided
// already, h is told right away.
//
// The connection is a session then, which may outlive its configuration. The lease
// no longer refers to it: Server is a copy without Check and Agent. OnEvict must be
// called before other goroutines use the lease.
func (l *Lease) OnEvict(h Holder) {
	b := l.Server.state.backend
	b.mu.Lock()
	defer b.unlock()
	l.Server = l.Server.detached()
	l.holder = h
	if l.evicted != NotEvicted {
		b.afterUnlock(func() { h.LeaseEvicted(l.evicted) })
	}
}

// Evicted is why the connection is to end at once, if it is.
func (l *Lease) Evicted() EvictReason {
	b := l.Server.state.backend
	b.mu.Lock()
	defer b.mu.Unlock()
	return l.evicted
}

// Release gives the server back, and what it had goes to who has waited longest.
// Only the first call counts.
func (l *Lease) Release(o Outcome) {
	b := l.Server.state.backend
	b.mu.Lock()
	if l.released {
		b.mu.Unlock()
		return
	}
	l.released = true
	if o == ConnectFailed {
		l.Server.state.failed.Add(1)
	}
	b.drop(l)
	if s := l.Server; s.Observe != ObserveNothing && (o == ConnectFailed || o == BrokenEarly && s.Observe == ObserveAnswer) && l.Server.state.health.observed(true, s.ErrorLimit) {
		b.penalize(l.Server.state)
	}
	if o == ConnectFailed {
		b.connectFailed(l.Server.state)
	}
	b.unlock()
}

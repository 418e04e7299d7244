// SPDX-License-Identifier: Apache-2.0

package pool

// Outcome says how the use of a lease ended.
type Outcome uint8

// The outcomes of a lease.
const (
	// Served means that the connection was made. How it ended later does not concern the pool.
	Served Outcome = iota
	// ConnectFailed means that the server could not be reached.
	ConnectFailed
	// NotTried means that there was no attempt to reach the server, so nothing was learned about it.
	NotTried
	// BrokenEarly means that the server broke the connection before it sent anything.
	BrokenEarly
)

// EvictReason says why the pool ends a session.
type EvictReason uint8

// The reasons.
const (
	NotEvicted         EvictReason = iota
	EvictMarkedDown                // the server is down or in maintenance, with EvictOnDown
	EvictBackupSpare               // a server with EvictBackupsOnUp is up, and this is a backup
	EvictServerRemoved             // the server has left the configuration, see SetRemovedTimeout
)

// Lease is one connection's hold on a server, and on one of its slots if it has MaxConn. Its
// methods are safe for concurrent use.
//
//	request --- Acquire, TryAcquire: a slot is free ---> taken
//	   |                                                   ^
//	   +- Acquire: full -> waiting --- fill, requeueAll ---+
//	                          |
//	                          +-> error: timeout, context, no server left
//
//	taken --- Reached, OnEvict ---> session --- evict: LeaseEvicted ---> evicted
//	taken --- Failed ---> taken, for another attempt on this server
//	any of these --- Release ---> released
//
// Taking, waiting, evicting and releasing happen under the backend's lock; Reached and Answered
// take it only for a ResponseTracker. Only Release frees the slot: an evicted lease counts until
// its holder releases it.
type Lease struct {
	Server *Server

	prev, next *Lease // in the list of the state's leases

	// Guarded by the backend's lock:
	released bool
	evicted  EvictReason
	began    uint32 // stamp of when it was taken; 0: the policy tracks no responses
	holder   Holder // nil: OnEvict was not called
}

// Holder is notified when the pool evicts the connection of a lease.
type Holder interface {
	// LeaseEvicted is called once, from any goroutine and with no lock held. It should end the
	// session, and must not wait for it.
	LeaseEvicted(EvictReason)
}

// HolderFunc is an adapter that makes a function a Holder.
type HolderFunc func(EvictReason)

// LeaseEvicted calls f.
func (f HolderFunc) LeaseEvicted(why EvictReason) { f(why) }

// Failed records that the server could not be reached, and keeps the lease for another attempt. It
// must not be called after Release.
func (l *Lease) Failed() {
	l.Server.state.counts.failed.Add(1)
	l.observe(true)
	l.responded(Failed)
	l.began = 0 // a pause follows, which is no time of the server's
	if l.Server.Passive.Fails > 0 {
		b := l.Server.state.backend
		b.mu.Lock()
		defer b.unlock()
		b.connectFailed(l.Server.state)
	}
}

// Reached records that the connect has succeeded.
func (l *Lease) Reached() {
	if trial := &l.Server.state.health.ejection.trial; l.Server.Passive.Fails > 0 && trial.Load() {
		trial.Store(false)
	}
	l.responded(Connected)
	if l.Server.Observe == ObserveConnect {
		l.observe(false)
	}
}

// Answered records that the server has sent its first bytes.
func (l *Lease) Answered() {
	l.responded(Answered)
	if l.Server.Observe == ObserveAnswer {
		l.observe(false)
	}
}

// observe counts the outcome of a client's connection for OnError.
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

// OnEvict registers h to be notified once when the pool evicts the connection; if it already has,
// h is notified right away.
//
// From then on the connection counts as a session, which may outlive its configuration: Server
// becomes a copy without Check and Agent, so that the lease does not keep the configuration in
// memory. OnEvict must be called before other goroutines use the lease.
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

// Evicted returns why the pool evicts the connection, or NotEvicted.
func (l *Lease) Evicted() EvictReason {
	b := l.Server.state.backend
	b.mu.Lock()
	defer b.mu.Unlock()
	return l.evicted
}

// Release gives the server back; a free slot goes to the request that has waited longest. Calls
// after the first have no effect.
func (l *Lease) Release(o Outcome) {
	b := l.Server.state.backend
	b.mu.Lock()
	if l.released {
		b.mu.Unlock()
		return
	}
	l.released = true
	if o == ConnectFailed {
		l.Server.state.counts.failed.Add(1)
	}
	if o == ConnectFailed || o == BrokenEarly {
		b.tellResponse(l, Failed)
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

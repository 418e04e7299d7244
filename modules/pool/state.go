// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync/atomic"
	"time"
)

// Admin is a server's administrative state, which the operator sets.
type Admin uint8

// The administrative states, as in HAProxy.
const (
	// Ready servers get connections.
	Ready Admin = iota
	// Drain servers get no new connections from the policy.
	Drain
	// Maint servers get no connections and are not checked. Requests queued for them go elsewhere.
	Maint
)

var adminNames = [...]string{Ready: "ready", Drain: "drain", Maint: "maint"}

// String returns ready, drain or maint.
func (a Admin) String() string { return adminNames[a] }

// state is the state of one server across all configurations that name it. All of it except for the
// counts is guarded by the backend's lock.
type state struct {
	backend *backend
	name    string
	refs    int     // pools, leases and queued requests that refer to it
	server  *Server // the server in the pool that served last, or still does

	sessions atomic.Int64
	queued   atomic.Int64
	counts   *Counts

	queue  queue
	leases *Lease // head of a linked list

	configured setting
	run        setting // configured, or changed since at run time
	adjustment Adjustment
	resolution *Resolution     // nil: none
	marks      map[string]mark // of values that were changed at run time, by the key
	targets    targets         // of the configuration
	health     health
	checkLoop  loop
	agentLoop  loop

	address   string        // the address that health refers to
	viewed    bool          // whether the server is in the view
	known     bool          // whether evaluate was called
	now       condition     // as of the last evaluate
	changed   time.Time     // when now changed
	requeued  int           // requests moved away from it by the last rebuild
	upSince   time.Time     // start of the slow start; zero: not starting
	elapsed   time.Duration // since upSince, in whole seconds
	slowStart time.Duration // length of the slow start, in whole seconds
	removal   removal       // set while no configuration has the server

	resolvable, awaits bool       // as configured
	renewed            bool       // another server is at the address since the last evaluate
	departures         departures // addresses that the server had before
}

// setting holds the values that both the configuration and the operator can set.
type setting struct {
	weight  int
	maxconn int
	admin   Admin

	noChecks, noAgent bool
}

// condition is a server's health together with its administrative state: its own, that of the
// server that it tracks, drain if a check asks for it, or maint without an address, whichever is
// strictest.
//
//	       Fall failed checks; agent says down; ejected; tracked server down
//	up   ------------------------------------------------------------------->  down
//	up   <-------------------------------------------------------------------  down
//	       Rise passed checks; agent says up; ejection over; tracked server up
//
//	ready <--> drain <--> maint    set by the configuration, the operator or an agent
//
//	gets new connections:  up, ready, weight above 0 (then the view has it)
//	keeps its sessions:    up, ready or drain
//	is not checked:        maint; when it ends, health restarts in the state Init
//
// A server is down as long as one of these causes lasts. All of it changes under the backend's
// lock, in backend.update or backend.use; both then call backend.rebuild.
type condition struct {
	down  bool
	admin Admin
}

// up reports whether existing sessions may stay on the server.
func (s condition) up() bool { return !s.down && s.admin != Maint }

// configure applies a configuration. A value that was set at run time stays until the configured
// value changes.
func (s *state) configure(c *ServerConfig) {
	s.health.configure(c, !s.known || s.address != c.Address)
	s.address, s.resolvable, s.awaits = c.Address, c.Resolvable, c.Awaits
	if now := targetsOf(c); s.targets != now {
		s.keepAdjustment(now)
		s.targets = now
	}
	says := setting{weight: c.Weight, maxconn: c.MaxConn}
	if c.Disabled {
		says.admin = Maint
	}
	if !s.known || says.weight != s.configured.weight {
		s.run.weight = says.weight
	}
	if !s.known || says.maxconn != s.configured.maxconn {
		s.run.maxconn = says.maxconn
	}
	if !s.known || says.admin != s.configured.admin {
		s.run.admin = says.admin
	}
	s.configured = says
}

// condition computes the condition from health and administrative state.
func (s *state) condition() condition {
	admin := max(s.run.admin, s.health.inherited.admin)
	if s.health.stopping {
		admin = max(admin, Drain)
	}
	if s.unresolved() {
		admin = Maint
	}
	return condition{s.health.isDown(), admin}
}

// evaluate updates the current condition, and returns the one before.
func (s *state) evaluate(c *ServerConfig, now time.Time) (before condition) {
	before, s.now = s.now, s.condition()
	if s.known && before.admin == Maint && s.now.admin != Maint {
		s.health.reset(c.Init)
		s.now = s.condition()
	}
	if !s.known {
		before, s.changed = s.now, now
	}
	if before != s.now {
		s.changed = now
	}
	if !before.down && s.now.down {
		s.counts.downs++
	}
	s.counts.setDown(!s.now.up(), now)
	cameUp := s.known && (!before.up() || s.renewed) // no slow start when the process starts
	s.renewed = false
	s.updateSlowStart(c.SlowStart, cameUp, now)
	s.known = true
	return before
}

// updateSlowStart begins, continues or ends the slow start.
func (s *state) updateSlowStart(length time.Duration, cameUp bool, now time.Time) {
	s.slowStart = (length + time.Second - 1).Truncate(time.Second)
	switch {
	case !s.now.up():
		s.upSince = time.Time{}
	case cameUp && s.slowStart > 0:
		s.upSince = now
	}
	if s.upSince.IsZero() {
		return
	}
	if s.elapsed = now.Sub(s.upSince).Truncate(time.Second); s.elapsed >= s.slowStart {
		s.upSince = time.Time{}
	}
}

// starting reports whether the server is in slow start.
func (s *state) starting() bool { return !s.upSince.IsZero() }

func (s *state) usable() bool { return !s.now.down && s.now.admin == Ready && s.run.weight > 0 }

// share returns the weight times Scale, or during slow start a part of it that grows each second.
func (s *state) share() int {
	if !s.starting() {
		return s.run.weight * Scale
	}
	return s.run.weight * int((Scale*s.elapsed+s.slowStart)/s.slowStart)
}

// link adds a lease to the list of the server's leases.
func (s *state) link(l *Lease) {
	if l.next = s.leases; l.next != nil {
		l.next.prev = l
	}
	s.leases = l
}

// unlink removes a lease from the list.
func (s *state) unlink(l *Lease) {
	if l.prev == nil {
		s.leases = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	l.prev, l.next = nil, nil
}

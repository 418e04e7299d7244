// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync/atomic"
	"time"
)

// Admin is what the operator wants of a server.
type Admin uint8

// The administrative states, HAProxy's.
const (
	// Ready: it is given connections.
	Ready Admin = iota
	// Drain: no new ones are balanced to it.
	Drain
	// Maint: it is given none and is not checked, and who waits for it goes
	// elsewhere.
	Maint
)

var adminNames = [...]string{Ready: "ready", Drain: "drain", Maint: "maint"}

// String is the state's name: ready, drain or maint.
func (a Admin) String() string { return adminNames[a] }

// state is what is known of one server, whatever configuration names it. All but
// the counts belongs to the backend's lock.
type state struct {
	backend *backend
	name    string
	refs    int     // pools that name it, leases, and requests that wait for it
	server  *Server // that it was in the pool that served last, and perhaps still does

	sessions atomic.Int64
	queued   atomic.Int64
	taken    atomic.Uint64
	failed   atomic.Uint64

	queue  queue
	leases *Lease // the first of a list

	configured setting
	run        setting // configured, or what has been set since
	health     health
	checkLoop  loop
	agentLoop  loop

	address   string        // that its health is about
	viewed    bool          // it is in the view
	known     bool          // it has been in a view's making
	now       condition     // as of the last view's making
	changed   time.Time     // when now did
	downs     uint64        // how often it has gone down
	requeued  int           // how many waited for it and were sent elsewhere with the last view
	upSince   time.Time     // when it came up again; zero: it starts no more
	elapsed   time.Duration // since then, in whole seconds
	slowStart time.Duration // its slow start, in whole seconds
	removal   removal       // where no configuration has it any more
}

// setting is what both a configuration and the operator can say of a server.
type setting struct {
	weight  int
	maxconn int
	admin   Admin
}

// condition is how a server stands by its health and by what the operator wants.
type condition struct {
	down  bool
	admin Admin
}

// up reports whether who has a session with the server may keep it.
func (s condition) up() bool { return !s.down && s.admin != Maint }

// configure takes over what a configuration says of the server. What was set at
// run time lasts until the configuration's own value changes.
func (s *state) configure(c *ServerConfig) {
	s.health.configure(c, !s.known || s.address != c.Address)
	s.address = c.Address
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

// condition is how the server stands by what is known of it.
func (s *state) condition() condition {
	admin := max(s.run.admin, s.health.inherited.admin)
	if s.health.stopping {
		admin = max(admin, Drain)
	}
	return condition{s.health.isDown(), admin}
}

// evaluate notes how the server stands now, and tells how it did before.
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
		s.downs++
	}
	s.slowStart = (c.SlowStart + time.Second - 1).Truncate(time.Second)
	switch {
	case !s.now.up():
		s.upSince = time.Time{}
	case s.known && !before.up() && s.slowStart > 0: // not where the process begins
		s.upSince = now
	}
	s.known = true
	if s.upSince.IsZero() {
		return before
	}
	if s.elapsed = now.Sub(s.upSince).Truncate(time.Second); s.elapsed >= s.slowStart {
		s.upSince = time.Time{}
	}
	return before
}

// starting reports whether the server has not been up for its slow start.
func (s *state) starting() bool { return !s.upSince.IsZero() }

func (s *state) usable() bool { return !s.now.down && s.now.admin == Ready && s.run.weight > 0 }

// share is the weight times Scale, or while the server starts a part of it that
// grows each second.
func (s *state) share() int {
	if !s.starting() {
		return s.run.weight * Scale
	}
	return s.run.weight * int((Scale*s.elapsed+s.slowStart)/s.slowStart)
}

// link adds a lease to the list.
func (s *state) link(l *Lease) {
	if l.next = s.leases; l.next != nil {
		l.next.prev = l
	}
	s.leases = l
}

// unlink takes a lease out of it.
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

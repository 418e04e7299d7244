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
	// Maint: it is given none, and who waits for it goes elsewhere.
	Maint
)

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

	queue queue

	configured setting
	run        setting // configured, or what has been set since
	down       bool

	viewed  bool          // it is in the view
	known   bool          // it has been in a view's making
	up      bool          // it was not down or in maintenance then
	since   time.Time     // when it came up again; zero: it starts no more
	elapsed time.Duration // since then, in whole seconds
	slow    time.Duration // its slow start, in whole seconds
}

// setting is what both a configuration and the operator can say of a server.
type setting struct {
	weight int
	admin  Admin
}

// follow takes over what a configuration says of the server. What was set at run
// time lasts until the configuration's own value changes.
func (s *state) follow(c *ServerConfig, now time.Time) {
	says := setting{weight: c.Weight}
	if c.Disabled {
		says.admin = Maint
	}
	if !s.known || says.weight != s.configured.weight {
		s.run.weight = says.weight
	}
	if !s.known || says.admin != s.configured.admin {
		s.run.admin = says.admin
	}
	s.configured = says
	up := !s.down && s.run.admin != Maint
	s.slow = (c.SlowStart + time.Second - 1).Truncate(time.Second)
	switch {
	case !up:
		s.since = time.Time{}
	case s.known && !s.up && s.slow > 0: // not where the process begins
		s.since = now
	}
	s.known, s.up = true, up
	if s.since.IsZero() {
		return
	}
	if s.elapsed = now.Sub(s.since).Truncate(time.Second); s.elapsed >= s.slow {
		s.since = time.Time{}
	}
}

// starting reports whether the server has not been up for its slow start.
func (s *state) starting() bool { return !s.since.IsZero() }

func (s *state) usable() bool { return s.up && s.run.admin == Ready && s.run.weight > 0 }

// share is the weight times Scale, or while the server starts a part of it that
// grows each second.
func (s *state) share() int {
	if !s.starting() {
		return s.run.weight * Scale
	}
	return s.run.weight * int((Scale*s.elapsed+s.slow)/s.slow)
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"maps"
	"slices"
	"time"
)

// BackendStatus is a backend at one time.
type BackendStatus struct {
	Name    string
	Servers []ServerStatus
	// Active and Backups are how many servers are usable.
	Active, Backups int
	// Sessions that have a server, Queue those that wait for whichever has room.
	Sessions, Queue int
	// Events are the last transitions, the oldest first.
	Events []Event
}

// ServerStatus is a server at one time.
type ServerStatus struct {
	ServerConfig
	Down  bool
	Admin Admin // that counts: its own, or that of the server that it tracks
	// Since is when one of the two changed last.
	Since time.Time
	// Downs is how often it has gone down.
	Downs uint64
	// Counter of Of is HAProxy's measure of health: of those that keep the server up,
	// or of those that it needs to come up.
	Counter, Of int
	// Weight and MaxConn as they are now; Share is Weight times Scale, or less while
	// the server starts slowly.
	Weight, MaxConn, Share int
	Sessions, Queued       int64
	Taken, Failed          uint64
	// Errors that clients have met in a row, where they are observed.
	Errors int64
	// Check and Agent are the last of their kind; where there are none, At is zero.
	Check, Agent CheckRecord
}

// Backends is how all backends are that serve, by name.
func (r *Registry) Backends() (all []BackendStatus) {
	r.mu.Lock()
	names := slices.Sorted(maps.Keys(r.backends))
	r.mu.Unlock()
	for _, name := range names {
		if b, ok := r.Backend(name); ok {
			all = append(all, b)
		}
	}
	return all
}

// Backend is how a backend is; false: none of that name serves.
func (r *Registry) Backend(name string) (BackendStatus, bool) {
	b := r.serving(name)
	if b == nil {
		return BackendStatus{}, false
	}
	defer b.unlock()
	status := BackendStatus{Name: name, Sessions: b.served, Events: slices.Clone(b.events)}
	for w := b.queue.first; w != nil; w = w.next {
		status.Queue++
	}
	status.Active, status.Backups = b.usable()
	for _, s := range b.pool.servers {
		status.Servers = append(status.Servers, s.status())
	}
	return status, true
}

func (s *Server) status() ServerStatus {
	state := s.state
	status := ServerStatus{
		ServerConfig: s.ServerConfig, Down: state.now.down, Admin: state.now.admin, Since: state.changed, Downs: state.downs,
		Weight: state.run.weight, MaxConn: s.maxConn(), Share: state.share(),
		Sessions: s.Sessions(), Queued: s.Queued(), Taken: s.Taken(), Failed: s.Failed(),
		Errors: state.health.errors.Load(), Check: state.health.lastCheck, Agent: state.health.lastAgent,
	}
	status.Counter, status.Of = state.health.check.shown()
	return status
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"maps"
	"slices"
	"time"
)

// BackendStatus is a snapshot of a backend.
type BackendStatus struct {
	Name    string
	Servers []ServerStatus
	// Active and Backups are the numbers of usable servers.
	Active, Backups int
	// Sessions is the number of connections that have a server, Queue the number of requests queued
	// for any server.
	Sessions, Queue int
	// Events are the last transitions, oldest first.
	Events []Event
}

// ServerStatus is a snapshot of a server.
type ServerStatus struct {
	ServerConfig
	Down  bool
	Admin Admin // in effect: its own, or that of the tracked server
	// Since is when Down or Admin changed last.
	Since time.Time
	// Downs is the number of times that the server has gone down.
	Downs uint64
	// Counter and Of are HAProxy's measure of health: while the server is up, the failures that it can
	// still take, out of fall; while it is down, the successes so far, out of rise.
	Counter, Of int
	// Weight and MaxConn are the current values. Share is Weight times Scale, or less during slow
	// start.
	Weight, MaxConn, Share int
	Sessions, Queued       int64
	Taken, Failed          uint64
	// Errors is the number of consecutive errors of client connections, if they are observed.
	Errors int64
	// Check and Agent are the last finished checks; At is zero before the first.
	Check, Agent CheckRecord
}

// Backends returns the status of all backends that serve, sorted by name.
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

// Backend returns the status of a backend, or false if no backend of that name serves.
func (r *Registry) Backend(name string) (BackendStatus, bool) {
	b := r.serving(name)
	if b == nil {
		return BackendStatus{}, false
	}
	defer b.unlock()
	status := BackendStatus{Name: name, Sessions: b.served, Events: slices.Clone(b.events)}
	for w := b.queue.first; w != nil; w = w.next() {
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

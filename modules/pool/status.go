// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
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
	// Down reports that the backend has no usable server, Since is when that changed last, or zero.
	// Downs is the number of times that it lost the last one, DownTime the time that it was without.
	Down     bool
	Since    time.Time
	Downs    uint64
	DownTime time.Duration
	FullConn int
	// MaxQueued is the highest number of requests that waited for a server.
	MaxQueued int
	Totals
	Traffic BackendTraffic
}

// Totals are numbers since the process began.
type Totals struct {
	// Taken is the number of leases, MaxSessions the highest number at a time, LastTaken the time of
	// the last one.
	Taken       uint64
	MaxSessions int
	LastTaken   time.Time
	// Rate is the number of leases of a server in the last second, MaxRate the highest that was ever
	// returned.
	Rate, MaxRate int
	// Retries and Redispatches are the numbers of further attempts to connect.
	Retries, Redispatches uint64
}

// totals returns the numbers. The backend must be locked.
func (c *Counts) totals(now time.Time) Totals {
	rate := c.rate.PerSecond(now)
	c.maxRate = max(c.maxRate, rate)
	return Totals{c.taken.Load(), c.maxSessions, c.lastTaken, rate, c.maxRate, c.retries.Load(), c.redispatches.Load()}
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
	Totals
	Failed uint64
	// MaxQueued is the highest number of requests that waited for this server.
	MaxQueued int
	DownTime  time.Duration // includes maintenance
	Checks    CheckCounts
	Traffic   Traffic
	// Errors is the number of consecutive errors of client connections, if they are observed.
	Errors int64
	// Check and Agent are the last finished checks; At is zero before the first.
	Check, Agent CheckRecord
	// Seen has the server's certificate from the last check that got it; nil: no check did.
	Seen *certificates.Seen
	// Health is the health that checks or the operator found, without the agent's view.
	Health Health
	// AgentDown reports that the agent keeps the server down. ChecksOff and AgentOff report that
	// checks were disabled at run time.
	AgentDown, ChecksOff, AgentOff bool
	// Unresolved reports that the server has no address, because the DNS or a discovery knows none: it
	// is in maintenance then. Resolution is the last one; nil: not yet.
	Unresolved bool
	Resolution *Resolution
	// Adjustment holds addresses that were set at run time, Overridden the keys of values that differ
	// from the configuration.
	Adjustment Adjustment
	Overridden []string
}

// Throttle returns the percentage of the weight that slow start allows; false: it does not reduce
// the weight.
func (s *ServerStatus) Throttle() (percent int, ok bool) {
	whole := s.Weight * Scale
	if whole == 0 || s.Share >= whole {
		return 0, false
	}
	return s.Share * 100 / whole, true
}

// State returns maint, or else down, or else drain or up.
func (s *ServerStatus) State() string {
	switch {
	case s.Admin == Maint:
		return "maint"
	case s.Down:
		return "down"
	case s.Admin == Drain:
		return "drain"
	}
	return "up"
}

// AllQueued returns the number of requests in the queues of the backend and of its servers.
func (b *BackendStatus) AllQueued() int64 {
	sum := int64(b.Queue)
	for i := range b.Servers {
		sum += b.Servers[i].Queued
	}
	return sum
}

// EffectiveWeight returns the weight as slow start reduces it, rounded up.
func (s *ServerStatus) EffectiveWeight() int { return (s.Share + Scale - 1) / Scale }

// Backends returns the status of all backends that serve, sorted by name.
func (r *Registry) Backends() (all []BackendStatus) {
	for _, name := range r.names() {
		if b, ok := r.Backend(name); ok {
			all = append(all, b)
		}
	}
	return all
}

// names returns the names of the backends, sorted.
func (r *Registry) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.backends))
}

// Backend returns the status of a backend, or false if no backend of that name serves. It is that
// of one moment for the backend and for each server, but for all of them only if there are few.
func (r *Registry) Backend(name string) (BackendStatus, bool) {
	b := r.serving(name)
	if b == nil {
		return BackendStatus{}, false
	}
	status, servers := b.status()
	b.unlock()
	status.Servers = make([]ServerStatus, 0, len(servers))
	for some := range slices.Chunk(servers, statusChunk) {
		b.mu.Lock()
		for _, s := range some {
			status.Servers = append(status.Servers, s.status(time.Now()))
		}
		b.unlock()
		runtime.Gosched() // the connections that waited go first
	}
	return status, true
}

// statusChunk is the number of servers whose status is read at a time, while connections to the
// backend wait.
const statusChunk = 64

// status returns the backend's own status, and its servers. The backend must be locked.
func (b *backend) status() (BackendStatus, []*Server) {
	status := BackendStatus{Name: b.name, Sessions: b.served, Events: slices.Clone(b.events)}
	for w := b.queue.first; w != nil; w = w.next() {
		status.Queue++
	}
	status.Active, status.Backups = b.usable()
	c, now := b.counts, time.Now()
	status.Down, status.Since, status.Downs, status.DownTime = b.empty, c.changed, c.downs, c.downFor(now)
	status.FullConn, status.MaxQueued, status.Totals = b.pool.fullConn, c.maxQueue, c.totals(now)
	c.backendTraffic.Each(status.Traffic.Add)
	return status, b.pool.Servers()
}

func (s *Server) status(now time.Time) ServerStatus {
	state := s.state
	status := ServerStatus{
		ServerConfig: s.ServerConfig, Down: state.now.down, Admin: state.now.admin, Since: state.changed, Downs: state.counts.downs,
		Weight: state.run.weight, MaxConn: s.maxConn(), Share: state.share(),
		Sessions: s.Sessions(), Queued: s.Queued(), Totals: state.counts.totals(now), Failed: s.Failed(),
		MaxQueued: state.counts.maxQueue, DownTime: state.counts.downFor(now), Checks: state.counts.checks,
		Errors: state.health.errors.Load(), Check: state.health.lastCheck, Agent: state.health.lastAgent, Seen: state.health.seen,
	}
	state.counts.traffic.Each(status.Traffic.Add)
	status.Counter, status.Of = state.health.check.shown()
	s.addManual(&status)
	return status
}

// addManual adds what an operator may have set.
func (s *Server) addManual(status *ServerStatus) {
	state := s.state
	status.Health, status.AgentDown = state.health.found(), !state.health.agent.up()
	status.Unresolved, status.Resolution = state.unresolved(), state.resolution
	status.ChecksOff, status.AgentOff, status.Adjustment = state.run.noChecks, state.run.noAgent, state.adjustment
	if state.run != state.configured || state.adjustment != (Adjustment{}) {
		for _, c := range s.overridden() {
			status.Overridden = append(status.Overridden, c.Key)
		}
	}
}

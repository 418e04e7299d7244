// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// Counts holds the numbers of a server, or of a backend, that only rise. They outlive its state: a
// server that a configuration brings back continues them. Fields that are neither atomic nor split
// are guarded by the backend's lock.
type Counts struct {
	taken, failed, retries, redispatches atomic.Uint64
	rate                                 frequency.Rate // of taken, for servers

	maxSessions, maxQueue int
	maxRate               int // when it was read
	lastTaken             time.Time
	downs                 uint64
	changed               time.Time     // when it went down or came up; zero: never
	downSince             time.Time     // zero: it is up
	downTime              time.Duration // before downSince
	checks                CheckCounts
	traffic               tally.Split[Traffic]
	backendTraffic        tally.Split[BackendTraffic]
}

// CheckCounts are the numbers of health checks that have ended.
type CheckCounts struct {
	Passed, Failed uint64
	// Harmful is the number of failed ones that lowered the health of the server: those that it had
	// while it was not fully down. It is HAProxy's number of failed checks.
	Harmful uint64
}

// keptCounts is the number of servers and backends whose counts are kept without a configuration or
// a connection: those that were named last.
const keptCounts = 4096

// countsByName holds the counts of servers by name, and those of backends under the server "".
type countsByName struct {
	mu   sync.Mutex // locked after a backend's lock
	all  map[Ref]weak.Pointer[Counts]
	kept [keptCounts]*Counts // a ring
	next int
}

// get returns the counts of a name.
func (k *countsByName) get(name Ref) *Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.all[name].Value(); known != nil {
		return known
	}
	if k.all == nil {
		k.all = make(map[Ref]weak.Pointer[Counts])
	}
	c := new(Counts)
	k.all[name] = weak.Make(c)
	k.kept[k.next] = c
	k.next = (k.next + 1) % keptCounts
	runtime.AddCleanup(c, k.remove, name)
	return c
}

// remove drops a name whose counts have been collected.
func (k *countsByName) remove(name Ref) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all[name].Value() == nil { // new counts may have the name by now
		delete(k.all, name)
	}
}

// take counts a lease, with which the server has a number of sessions.
func (c *Counts) take(sessions int, now time.Time) {
	c.taken.Add(1)
	c.maxSessions, c.lastTaken = max(c.maxSessions, sessions), now
}

// setDown notes whether a server, or a backend, is unable to serve.
func (c *Counts) setDown(down bool, now time.Time) {
	switch {
	case down && c.downSince.IsZero():
		c.downSince, c.changed = now, now
	case !down && !c.downSince.IsZero():
		c.downTime += now.Sub(c.downSince)
		c.downSince, c.changed = time.Time{}, now
	}
}

// downFor returns the time spent down so far.
func (c *Counts) downFor(now time.Time) time.Duration {
	if c.downSince.IsZero() {
		return c.downTime
	}
	return c.downTime + now.Sub(c.downSince)
}

// noteCheck counts a finished check, which found the server with some health left or none.
func (c *Counts) noteCheck(r Code, healthy bool) {
	switch {
	case r == CodeNotChecked || r.Unknown():
	case r.OK():
		c.checks.Passed++
	default:
		c.checks.Failed++
		if healthy {
			c.checks.Harmful++
		}
	}
}

// Traffic returns where to count the traffic of the server.
func (s *Server) Traffic() *tally.Split[Traffic] { return &s.state.counts.traffic }

// Traffic returns where to count the traffic of the backend.
func (p *Pool) Traffic() *tally.Split[BackendTraffic] { return &p.counts.backendTraffic }

// Retried counts an attempt after one that has failed on s. It may go to another server if moved is
// set, and is one of HAProxy's redispatches then, else one of its retries.
func (p *Pool) Retried(s *Server, moved bool) {
	for _, c := range [...]*Counts{s.state.counts, p.counts} {
		if moved {
			c.redispatches.Add(1)
		} else {
			c.retries.Add(1)
		}
	}
}

// ClearCounters begins the highest numbers of all backends and servers anew, or with all every
// number since the process began. It is HAProxy's clear counters.
func (r *Registry) ClearCounters(all bool) {
	for _, name := range r.names() {
		b := r.find(name)
		if b == nil {
			continue
		}
		b.counts.clear(all)
		for _, s := range b.states {
			s.counts.clear(all)
		}
		b.unlock()
	}
}

// clear begins the highest numbers anew, or all.
func (c *Counts) clear(all bool) {
	c.maxSessions, c.maxQueue, c.maxRate = 0, 0, 0
	if !all {
		return
	}
	for _, n := range [...]*atomic.Uint64{&c.taken, &c.failed, &c.retries, &c.redispatches} {
		n.Store(0)
	}
	c.downs, c.checks = 0, CheckCounts{}
	c.traffic.Reset()
	c.backendTraffic.Reset()
}

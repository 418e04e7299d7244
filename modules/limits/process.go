// SPDX-License-Identifier: Apache-2.0

// Package limits counts what limits are about: the connections of a number of clients, and those of
// the process. It decides nothing about listeners or connections: package durable leaves clients in
// the kernel's queue, and package frontend refuses them.
package limits

import (
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
)

// Process holds the limits of the process and what they count.
var Process ProcessLimits

// ProcessLimits are limits for all listeners together; 0: none. They are safe for concurrent use.
type ProcessLimits struct {
	// MaxConn is the number of connections at which accepting pauses. It is HAProxy's maxconn of
	// global.
	MaxConn Limit
	// ConnRate and SessRate are the number of connections accepted in a second, and that of those
	// which rules about the client's address have let through. They are HAProxy's maxconnrate and
	// maxsessrate.
	ConnRate, SessRate Limit

	conns, sessions       frequency.Rate
	maxConns, maxSessions atomic.Int64 // per second, when they were read
}

// MaxConnections returns the number of connections that the process may have: its limit, or else
// that of its descriptors.
func MaxConnections() int64 {
	if limit := Process.MaxConn.Load(); limit > 0 {
		return limit
	}
	return Overload.Report().Resources["descriptors"].Limit
}

// Accepted counts a connection.
func (p *ProcessLimits) Accepted() {
	p.conns.Count(time.Now())
}

// Session counts a connection that the rules have let through.
func (p *ProcessLimits) Session() {
	p.sessions.Count(time.Now())
}

// Rates returns the numbers of connections and of sessions in the last second, and the highest that
// were ever returned.
func (p *ProcessLimits) Rates() (conns, maxConns, sessions, maxSessions int) {
	now := time.Now()
	conns, sessions = p.conns.PerSecond(now), p.sessions.PerSecond(now)
	return conns, raise(&p.maxConns, conns), sessions, raise(&p.maxSessions, sessions)
}

// ClearMaxima begins the highest rates anew.
func (p *ProcessLimits) ClearMaxima() {
	p.maxConns.Store(0)
	p.maxSessions.Store(0)
}

// raise raises a maximum to n if it is lower, and returns it.
func raise(highest *atomic.Int64, n int) int {
	for {
		high := highest.Load()
		if int64(n) <= high || highest.CompareAndSwap(high, int64(n)) {
			return max(n, int(high))
		}
	}
}

// Wait returns how long the rates leave connections in the kernel's queue; 0: not at all.
func (p *ProcessLimits) Wait() (wait time.Duration) {
	if limit := p.ConnRate.Load(); limit > 0 {
		wait = p.conns.Wait(int(limit), time.Now())
	}
	if limit := p.SessRate.Load(); limit > 0 {
		wait = max(wait, p.sessions.Wait(int(limit), time.Now()))
	}
	return wait
}

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
	MaxConn atomic.Int64
	// ConnRate and SessRate are the number of connections accepted in a second, and that of those
	// which rules about the client's address have let through. They are HAProxy's maxconnrate and
	// maxsessrate.
	ConnRate, SessRate atomic.Int64

	conns, sessions frequency.Rate
}

// Accepted counts a connection for ConnRate.
func (p *ProcessLimits) Accepted() {
	if p.ConnRate.Load() > 0 {
		p.conns.Count(time.Now())
	}
}

// Session counts a connection for SessRate.
func (p *ProcessLimits) Session() {
	if p.SessRate.Load() > 0 {
		p.sessions.Count(time.Now())
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

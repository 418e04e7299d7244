// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"maps"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// liveVisitor visits the connections of the process that a filter matches. It holds the lock of
// one of them at a time, and each only while it copies a few fields.
type liveVisitor struct {
	LiveFilter
	now time.Time
	// detailed reports whether visit needs all fields of a connection; nil: always.
	detailed func(*Live) bool
	// visit gets each connection, which is valid during the call only, and a way to end it.
	visit func(*Live, ender)

	live  Live // the connection at hand
	found bool
}

// ender ends a connection or a session. It may have ended before.
type ender interface {
	End(reason string)
}

// visible is an owner or a handler of relay that can be shown.
type visible interface {
	// look sets the fields that are known, and calls v.pass to learn whether to add the rest.
	look(v *liveVisitor)
}

// run visits all connections. One that moves between a goroutine and a shard meanwhile may be left
// out or come twice.
func (v *liveVisitor) run() {
	v.now = time.Now()
	for _, c := range liveConns.goroutines() {
		v.live, v.found = Live{}, false
		c.shown.mu.Lock()
		v.live = c.shown.Live
		c.shown.mu.Unlock()
		v.live.ID, v.live.Idle = c.id, v.now.Sub(v.live.Started)
		v.pass()
		v.deliver(killer{c})
	}
	for _, s := range liveConns.copied() {
		v.live, v.found = Live{}, false
		v.live.setProgress(relay.Passing, s.Counters())
		liveConns.lookCopied(s, v)
		v.deliver(s)
	}
	look := func(o relay.Owner, p relay.Progress, n relay.Counters) {
		if o, ok := o.(visible); ok {
			v.live.setProgress(p, n)
			o.look(v)
		}
	}
	for s := range relay.Sessions() {
		v.live, v.found = Live{}, false
		s.Look(look)
		v.deliver(s)
	}
}

// pass notes whether the connection at hand matches so far, and reports whether its remaining
// fields are needed.
func (v *liveVisitor) pass() bool {
	v.found = v.matchesEarly(&v.live, v.now)
	return v.found && (v.detailed == nil || v.detailed(&v.live))
}

// deliver passes the connection at hand to visit, if it matches.
func (v *liveVisitor) deliver(e ender) {
	if !v.found {
		return
	}
	if !v.isEarly() {
		v.live.unpack()
		if !v.matchesLate(&v.live) {
			return
		}
	}
	v.visit(&v.live, e)
}

func (l *Live) setProgress(p relay.Progress, n relay.Counters) {
	l.In, l.Out, l.Idle = n.In, n.Out, n.Idle
	switch p {
	case relay.Waiting:
		l.Stage = AtHello
	case relay.Connecting:
		l.Stage = AtConnect
	case relay.Passing:
		l.Stage = AtSession
	case relay.Closing:
		l.Stage = AtClose
	}
}

// look implements visible.
func (s *session) look(v *liveVisitor) { s.lookAs(s.sessionConfig, v) }

// lookAs sets the fields of the connection at hand. The session must not end meanwhile.
func (s *session) lookAs(config *sessionConfig, v *liveVisitor) {
	l, server := &v.live, s.lease.Server
	l.ID, l.Frontend, l.Backend, l.Server, l.Address = s.id, config.frontend, config.backend, server.Name, server.Address
	accepted, packed := cutAccepted(s.packed.Bytes())
	l.Started = accepted
	if config.holds != nil {
		l.Listener = config.holds.listener.name()
	}
	if v.pass() {
		l.packed = string(packed)
	}
}

// goroutines returns the connections that have a goroutine.
func (p *connRegistry) goroutines() []*connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.onGoroutine))
}

// copied returns the sessions that relay.Sessions does not have.
func (p *connRegistry) copied() []*session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.copiedSessions))
}

// lookCopied lets a visitor look at a session unless it has ended.
func (p *connRegistry) lookCopied(s *session, v *liveVisitor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if config, runs := p.copiedSessions[s]; runs {
		s.lookAs(config, v)
	}
}

// killer ends a connection that has a goroutine.
type killer struct{ c *connection }

// End implements ender.
func (k killer) End(string) { liveConns.end(k.c) }

// end ends a connection, unless it has ended or become a session.
func (p *connRegistry) end(c *connection) {
	p.mu.Lock()
	_, there := p.onGoroutine[c]
	if there {
		c.setGone(ErrEnded) // before toSession, which then fails
	}
	p.mu.Unlock()
	if there {
		_ = c.Conn.Close()
	}
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// runOnce performs one check and schedules the next.
func (b *backend) runOnce(state *state, l *loop, round int) {
	b.mu.Lock()
	s := b.current(state)
	if l.generation != round || !b.wanted(s, l) {
		b.mu.Unlock()
		return
	}
	if state.now.admin == Maint && !l.isAgent || state.unresolved() {
		b.scheduleNext(s, l)
		b.mu.Unlock()
		return
	}
	ctx, end := context.WithCancel(context.Background())
	l.cancel = end
	about := b.subject(s)
	b.mu.Unlock()

	began, stall := time.Now(), watchForStall()
	report, target := s.probe(ctx, l.isAgent, about)
	took := time.Since(began)
	if stall.stop() {
		report.Result = report.afterStall()
	}
	end()

	b.mu.Lock()
	defer b.unlock()
	l.cancel = nil
	if s = b.current(state); !l.on || !b.wanted(s, l) {
		return
	}
	// The configuration may have changed in the meantime.
	if l.generation == round && s.target(l.isAgent) == target {
		b.recordCheck(s, l, report, took)
	}
	b.scheduleNext(s, l)
	if l.generation != round && !l.isAgent {
		b.checkSoon(s)
	}
}

func (s *Server) target(agent bool) Target {
	if agent {
		return s.Agent.Target
	}
	return s.Check.Target
}

// probe checks the server, or asks its agent.
func (s *Server) probe(ctx context.Context, agent bool, about *Subject) (r AgentReport, t Target) {
	t = s.target(agent)
	to := t
	to.Subject = about
	defer func() {
		if p := recover(); p != nil {
			r = AgentReport{Result: Result{Code: Layer7Response, Info: fmt.Sprint("panic: ", p)}}
		}
	}()
	if agent {
		return s.Agent.Agent.Ask(ctx, to), t
	}
	result := s.Check.Checker.Check(ctx, to)
	return AgentReport{Result: result, seen: about.Seen}, t
}

// subject describes the server to a check of it.
func (b *backend) subject(s *Server) *Subject {
	return &Subject{Backend: b.name, Server: s.Name, Down: s.state.now.down, Snapshot: func() Snapshot {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.snapshot(s)
	}}
}

func (b *backend) snapshot(s *Server) Snapshot {
	now := Snapshot{
		Down: s.state.now.down, Draining: s.state.now.admin == Drain,
		Weight: (s.state.share() + Scale - 1) / Scale, Sessions: s.Sessions(), TotalSessions: int64(b.served), Queued: s.Queued(),
	}
	now.Counter, now.Of = s.state.health.check.shown()
	for _, weight := range b.view.Weights {
		now.TotalWeight += weight
	}
	return now
}

// recordCheck applies the result of a check or of an agent's report.
func (b *backend) recordCheck(s *Server, l *loop, r AgentReport, took time.Duration) {
	if l.isAgent {
		b.recordAgent(s, r, took)
		return
	}
	h := &s.state.health
	if s.state.now.admin == Maint {
		return
	}
	why := cause{Result: r.Result, took: took}
	s.state.counts.noteCheck(r.Code, h.check.value > 0)
	if notify := b.registry.onSeen.Load(); h.noteSeen(r) && notify != nil {
		b.afterUnlock(*notify)
	}
	b.update(s, func() cause {
		if h.recordCheck(r.Result, took) {
			b.emit(s.event(CheckChanged, why))
		}
		return why
	})
}

// recordAgent applies an agent's report: first what it asks for, then the server's health, as in
// HAProxy.
func (b *backend) recordAgent(s *Server, r AgentReport, took time.Duration) {
	if r.Weight != "" {
		if _, err := ParseWeight(r.Weight, s.Weight); err != nil {
			r.Weight, r.Info = "", cmp.Or(r.Info, "ignored: "+err.Error())
		}
	}
	why := cause{Result: r.Result, took: took}
	if r.Result != s.state.health.lastAgent.Result {
		b.emit(s.event(AgentChanged, why))
	}
	before := s.values()
	b.update(s, func() cause {
		if r.Admin != nil {
			s.state.run.admin = *r.Admin
		}
		if r.Weight != "" {
			s.state.run.weight, _ = ParseWeight(r.Weight, s.Weight)
		}
		if r.MaxConn != nil {
			s.state.run.maxconn = *r.MaxConn
		}
		return why
	})
	s.state.mark(Differences(before, s.values()), byAgent)
	b.update(s, func() cause {
		s.state.health.recordAgent(r.Result, took)
		return why
	})
}

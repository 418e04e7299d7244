// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// loop runs the checks of a server, or of its agent, periodically and never two at once. It belongs
// to the server and not to a configuration, so that a reload neither delays nor repeats a check. It
// is guarded by the backend's lock.
type loop struct {
	isAgent    bool // it asks an agent
	generation int  // counts starts and stops: timers of earlier generations are stale
	on         bool
	due        time.Time // time of the next check, or of the running one
	timer      *time.Timer
	cancel     context.CancelFunc // cancels the running check; nil: none runs
}

// wanted reports whether the server is configured to be checked by this loop now.
func (b *backend) wanted(s *Server, l *loop) bool {
	if s == nil || len(b.running) == 0 {
		return false
	}
	if l.isAgent {
		return s.Agent != nil && !s.state.run.noAgent
	}
	return s.Check != nil && !s.state.run.noChecks
}

// updateLoops starts and stops loops after a change of configuration, in the order of the servers:
// the first one is checked at once.
func (b *backend) updateLoops() {
	b.stopUnwantedLoops()
	for _, s := range b.pool.Servers() {
		for _, l := range s.state.loops() {
			switch {
			case !b.wanted(s, l):
			case !l.on:
				l.generation++
				if l.on = true; l.cancel == nil { // otherwise the running check continues the loop
					b.startLoop(s, l)
				}
			case l.cancel == nil && time.Until(l.due) > s.interval(l):
				b.startLoop(s, l)
			}
		}
	}
}

func (b *backend) stopUnwantedLoops() {
	for _, s := range b.states {
		s.agentLoop.isAgent = true
		for _, l := range s.loops() {
			if l.on && !b.wanted(b.current(s), l) {
				l.stop()
			}
		}
	}
}

// loops returns the loops of a server.
func (s *state) loops() [2]*loop { return [2]*loop{&s.checkLoop, &s.agentLoop} }

// stop ends a loop, and cancels the running check.
func (l *loop) stop() {
	l.on = false
	l.generation++
	l.timer.Stop()
	if l.cancel != nil {
		l.cancel()
	}
}

// startLoop schedules the first check of a loop somewhere within its first interval, so that the
// checks of many servers are spread out: multiples of the golden ratio fill the interval evenly for
// any number of servers.
func (b *backend) startLoop(s *Server, l *loop) {
	k := b.registry.loopsStarted.Add(1) - 1
	_, phase := math.Modf(float64(k) * (math.Phi - 1))
	l.due = time.Now().Add(time.Duration(phase * float64(s.interval(l))))
	b.arm(s, l)
}

// arm sets the timer.
func (b *backend) arm(s *Server, l *loop) {
	delay := time.Until(l.due)
	if !l.isAgent && s.Check.Spread > 0 {
		spread := float64(s.Check.Spread) / 100 * float64(s.interval(l))
		delay += time.Duration(spread * (2*rand.Float64() - 1)) //nolint:gosec // nobody gains by guessing it
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	round, state := l.generation, s.state
	l.timer = time.AfterFunc(max(0, delay), func() { b.runOnce(state, l, round) })
}

// scheduleNext schedules the next check a whole number of intervals after the last one. Counting
// from the end of a check instead would let the checks of several servers drift together.
func (b *backend) scheduleNext(s *Server, l *loop) {
	interval := s.interval(l)
	l.due = l.due.Add(interval)
	if late := time.Since(l.due); late >= 0 {
		l.due = l.due.Add(late - late%interval + interval)
	}
	b.arm(s, l)
}

// hasten moves the next check forward to FastInterval from now, if it would be later.
func (b *backend) hasten(s *Server) {
	l, fast := &s.state.checkLoop, s.Check.FastInterval
	if fast <= 0 || !l.on || l.cancel != nil {
		return
	}
	if sooner := time.Now().Add(fast); sooner.Before(l.due) {
		l.due = sooner
		b.arm(s, l)
	}
}

// interval returns the time from this check to the next.
func (s *Server) interval(l *loop) time.Duration {
	if l.isAgent {
		return s.Agent.Interval
	}
	c, h := s.Check, &s.state.health
	switch {
	case h.check.value == h.check.top():
	case s.state.now.down && h.check.value == 0:
		if c.DownInterval > 0 {
			return c.DownInterval
		}
	case c.FastInterval > 0:
		return c.FastInterval
	}
	return c.Interval
}

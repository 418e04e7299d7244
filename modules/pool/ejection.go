// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Passive ejects a server for a while when clients fail to connect to it, without any check: Fails
// failed connects within Window take it down for Eject. Then it is up again, and the next connect
// decides: if it fails, the server is ejected again. The last usable server of a backend is never
// ejected. Fails 0 disables this. It is nginx's max_fails and fail_timeout.
type Passive struct {
	Fails         int
	Window, Eject time.Duration
}

// ejection is the state of a server's passive ejection. All of it except for trial is guarded by
// the backend's lock.
type ejection struct {
	failures   []time.Time // within the window, oldest first
	out        bool
	generation int         // counts ejections: timers of earlier ones are stale
	trial      atomic.Bool // up again after an ejection, but not yet reached
}

// reset returns to the state of a server that was never ejected.
func (e *ejection) reset() {
	e.failures, e.out = nil, false
	e.generation++
	e.trial.Store(false)
}

// fail counts a failed connect, and reports whether it reaches the limit.
func (e *ejection) fail(p Passive, now time.Time) bool {
	if p.Fails == 0 || e.out { // out: this connect began before the ejection
		return false
	}
	e.failures = slices.DeleteFunc(e.failures, func(at time.Time) bool { return now.Sub(at) >= p.Window })
	if len(e.failures) == p.Fails { // there was no other server to eject it for
		e.failures = e.failures[1:]
	}
	e.failures = append(e.failures, now)
	return len(e.failures) >= p.Fails || e.trial.Load()
}

// eject takes a server down, unless it is the last usable one.
func (b *backend) eject(s *Server) {
	for _, other := range b.pool.Servers() {
		if other != s && other.state.usable() {
			b.takeOut(s)
			return
		}
	}
}

func (b *backend) takeOut(s *Server) {
	e, state := &s.state.health.ejection, s.state
	info := fmt.Sprintf("%d failed connects within %v: ejected for %v", len(e.failures), s.Passive.Window, s.Passive.Eject)
	if e.trial.Load() {
		info = fmt.Sprintf("the first connect after the ejection failed: ejected again for %v", s.Passive.Eject)
	}
	b.update(s, func() cause {
		e.reset()
		e.out = true
		return state.health.note(Result{Code: CodeEjected, Info: info})
	})
	round := e.generation
	time.AfterFunc(s.Passive.Eject, func() { b.readmit(state, round) })
}

// readmit takes a server up again when its ejection is over.
func (b *backend) readmit(state *state, round int) {
	b.mu.Lock()
	defer b.unlock()
	e := &state.health.ejection
	if !e.out || e.generation != round {
		return
	}
	s := b.current(state)
	if s == nil { // a later configuration may name it again
		e.reset()
		return
	}
	b.update(s, func() cause {
		e.reset()
		e.trial.Store(true)
		return state.health.note(Result{Code: CodeEjected, Info: "ejection is over: the next connect decides"})
	})
}

// connectFailed ejects a server if a failed connect reaches the limit.
func (b *backend) connectFailed(state *state) {
	if s := b.current(state); s != nil && state.now.admin != Maint && state.health.ejection.fail(s.Passive, time.Now()) {
		b.eject(s)
	}
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Passive ejects a server for a while when clients' connects to it fail, without any
// check: Fails of them within Window take it down for Eject. Then it is up again, and
// the first connect decides: one that fails ejects it again. The last usable server of
// a backend is not ejected. Fails 0: never. It is nginx's max_fails and fail_timeout.
type Passive struct {
	Fails         int
	Window, Eject time.Duration
}

// ejection is how a server stands by that. All but trial belongs to the backend's
// lock.
type ejection struct {
	failures   []time.Time // within the window, the oldest first
	out        bool
	generation int         // of ejections: a timer of an earlier one means nothing
	trial      atomic.Bool // it is up again, and has not been reached since
}

// reset makes the server one that was never ejected.
func (e *ejection) reset() {
	e.failures, e.out = nil, false
	e.generation++
	e.trial.Store(false)
}

// fail counts a failed connect, and reports whether it is one too many.
func (e *ejection) fail(p Passive, now time.Time) bool {
	if p.Fails == 0 || e.out { // out: the connect began before
		return false
	}
	e.failures = slices.DeleteFunc(e.failures, func(at time.Time) bool { return now.Sub(at) >= p.Window })
	if len(e.failures) == p.Fails { // there was no other server
		e.failures = e.failures[1:]
	}
	e.failures = append(e.failures, now)
	return len(e.failures) >= p.Fails || e.trial.Load()
}

// eject takes a server out, unless it is the last one.
func (b *backend) eject(s *Server) {
	for _, other := range b.pool.servers {
		if other != s && other.state.usable() {
			b.takeOut(s)
			return
		}
	}
}

func (b *backend) takeOut(s *Server) {
	e, state := &s.state.health.ejection, s.state
	info := fmt.Sprintf("%d failed connects within %v: no connections for %v", len(e.failures), s.Passive.Window, s.Passive.Eject)
	if e.trial.Load() {
		info = fmt.Sprintf("the first connect after its time failed, too: no connections for %v", s.Passive.Eject)
	}
	b.update(s, func() cause {
		e.reset()
		e.out = true
		return state.health.note(Result{Code: CodeEjected, Info: info})
	})
	round := e.generation
	time.AfterFunc(s.Passive.Eject, func() { b.readmit(state, round) })
}

// readmit lets a server be tried again.
func (b *backend) readmit(state *state, round int) {
	b.mu.Lock()
	defer b.unlock()
	e := &state.health.ejection
	if !e.out || e.generation != round {
		return
	}
	s := b.current(state)
	if s == nil { // a configuration may name it again
		e.reset()
		return
	}
	b.update(s, func() cause {
		e.reset()
		e.trial.Store(true)
		return state.health.note(Result{Code: CodeEjected, Info: "its time is over: the next connect decides"})
	})
}

// connectFailed is what follows for a server from a connect that failed.
func (b *backend) connectFailed(state *state) {
	if s := b.current(state); s != nil && state.now.admin != Maint && state.health.ejection.fail(s.Passive, time.Now()) {
		b.eject(s)
	}
}

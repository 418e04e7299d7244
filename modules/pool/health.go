// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"sync/atomic"
	"time"
)

// InitState is what a server begins with, and begins with again after maintenance.
// It is HAProxy's init-state.
type InitState uint8

// The initial states.
const (
	InitUp        InitState = iota // one failed check takes it down
	InitFullyUp                    // fall failed checks do
	InitDown                       // one check brings it up
	InitFullyDown                  // rise checks do
)

// OnError is what follows when clients have met ErrorLimit errors in a row. All
// have the next check made after FastInterval, if there is one. It is HAProxy's
// on-error.
type OnError uint8

// What may follow.
const (
	FailCheck   OnError = iota // it counts as a failed check
	FastInter                  // nothing else
	SuddenDeath                // as FailCheck, and the next failure is the last
	MarkDown                   // the server is down
)

// Observe says which errors that clients meet are counted. It is HAProxy's
// observe.
type Observe uint8

// What may be observed.
const (
	ObserveNothing Observe = iota
	ObserveConnect         // whether connects succeed: HAProxy's layer4
	ObserveAnswer          // and whether a server breaks the connection before its first byte
)

// health is what is known of how a server is. All but errors belongs to the
// backend's lock.
type health struct {
	check riseFall // of checks; also of what is set, where there are none
	agent riseFall // of what the agent says: 0 or 1

	stopping       bool         // the last check that passed said Layer7Stopping
	checked, asked bool         // that there are checks, an agent
	errors         atomic.Int64 // that clients have met in a row

	ejection             ejection
	lastCheck, lastAgent CheckRecord // last
	inherited            inherited
}

// CheckRecord is a check that is over.
type CheckRecord struct {
	Result
	At   time.Time
	Took time.Duration
}

// inherited is what a server has from the one that it tracks.
type inherited struct {
	down    bool
	admin   Admin
	version uint64
}

// isDown reports whether the server must not be given connections for its health.
func (h *health) isDown() bool {
	return !h.check.up() || !h.agent.up() || h.inherited.down || h.ejection.out
}

// configure takes over what a configuration says of the checks. anew: the server
// is another one than before.
func (h *health) configure(c *ServerConfig, anew bool) {
	rise, fall := 1, 1
	if c.Check != nil {
		rise, fall = c.Check.Rise, c.Check.Fall
	}
	first := !h.checked && c.Check != nil
	lost := h.checked && c.Check == nil || h.asked && c.Agent == nil
	h.checked, h.asked = c.Check != nil, c.Agent != nil
	if c.Track == (Ref{}) {
		h.inherited = inherited{}
	}
	if anew || c.Passive.Fails == 0 {
		h.ejection.reset()
	}
	if anew {
		h.check, h.agent = riseFall{rise: rise, fall: fall}, riseFall{rise: 1, fall: 1}
		h.lastCheck, h.lastAgent = CheckRecord{Result: Result{Code: CodeNotChecked}}, CheckRecord{Result: Result{Code: CodeNotChecked}}
		h.reset(c.Init)
		h.agent.value = 1
		return
	}
	h.check.set(rise, fall)
	if first && h.check.up() && c.Init != InitFullyUp { // as a new server, but it stays up
		h.check.value = rise
	}
	if lost { // nobody would ever bring it up again
		h.reset(c.Init)
		if !h.asked {
			h.agent.value = 1
		}
	}
}

// reset has the checks' counter begin anew, as after maintenance.
func (h *health) reset(i InitState) {
	h.check.reset(i)
	h.stopping = false
	h.errors.Store(0)
	h.ejection.reset()
}

// note notes a result that is of no check, and why something has changed with it.
func (h *health) note(r Result) cause {
	h.lastCheck = CheckRecord{Result: r, At: time.Now()}
	return cause{Result: r}
}

// recordCheck counts a result, and reports whether it changed anything.
func (h *health) recordCheck(r Result, took time.Duration) (changed bool) {
	if r.Code == CodeNotChecked { // it was broken off
		return false
	}
	before := h.lastCheck.Result
	h.lastCheck = CheckRecord{r, time.Now(), took}
	switch {
	case r.Code.Unknown(): // what the proxy lacks says nothing of the server
	case r.Code.OK():
		h.errors.Store(0)
		changed = h.check.pass()
	default:
		changed = h.check.fail()
	}
	if !r.Code.Unknown() {
		h.stopping = h.check.up() && (r.Code == Layer7Stopping || h.stopping && !r.Code.OK())
	}
	return changed || r.Code != before.Code || r.Warning != before.Warning
}

// recordAgent takes over what an agent says of the server's health: down is down
// whatever checks find, up leaves it to them.
func (h *health) recordAgent(r Result, took time.Duration) {
	h.lastAgent = CheckRecord{r, time.Now(), took}
	if r.Code == Layer7OK {
		h.agent.pass()
	}
	if r.Code == Layer7Status {
		h.agent.fail()
	}
}

// set says how the server is, until the next check.
func (h *health) set(down bool) {
	h.stopping = false
	if down {
		h.check.value = 0
		return
	}
	h.check.value, h.agent.value = h.check.top(), 1
	h.ejection.reset()
}

// observed counts what a client has met, and reports whether that was the last
// error of as many as there may be. It is safe for concurrent use.
func (h *health) observed(failed bool, limit int) bool {
	if !failed {
		if h.errors.Load() != 0 {
			h.errors.Store(0)
		}
		return false
	}
	if h.errors.Add(1) < int64(limit) {
		return false
	}
	h.errors.Store(0)
	return true
}

// onErrorLimit is what follows from so many errors in a row.
func (h *health) onErrorLimit(limit int, what OnError) Result {
	r := Result{Code: CodeObserved, Info: fmt.Sprintf("%d errors in a row", limit)}
	switch what {
	case FastInter:
		return r
	case SuddenDeath:
		if h.check.value > h.check.rise {
			h.check.value = h.check.rise + 1
		}
	case MarkDown:
		h.check.value = min(h.check.value, h.check.rise)
	case FailCheck:
	}
	h.check.fail()
	h.lastCheck = CheckRecord{Result: r, At: time.Now()}
	return r
}

// penalize is what follows for a server from errors that clients have met.
func (b *backend) penalize(state *state) {
	s := b.current(state)
	if s == nil || s.Check == nil || state.now.admin == Maint {
		return
	}
	b.update(s, func() cause { return cause{Result: state.health.onErrorLimit(s.ErrorLimit, s.OnError)} })
	b.hasten(s)
}

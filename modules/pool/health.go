// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
)

// InitState is the state that a server starts in, and restarts in after maintenance. It is
// HAProxy's init-state.
type InitState uint8

// The initial states.
const (
	InitUp        InitState = iota // up; one failed check takes it down
	InitFullyUp                    // up; Fall failed checks take it down
	InitDown                       // down; one passed check brings it up
	InitFullyDown                  // down; Rise passed checks bring it up
)

// OnError is the action after ErrorLimit consecutive errors of client connections. Each action also
// schedules the next check after FastInterval, if that is set. It is HAProxy's on-error.
type OnError uint8

// The actions.
const (
	FailCheck   OnError = iota // count a failed check
	FastInter                  // nothing else
	SuddenDeath                // as FailCheck, and one more failure takes the server down
	MarkDown                   // take the server down
)

// Observe selects the errors of client connections that count against a server. It is HAProxy's
// observe.
type Observe uint8

// What can be observed.
const (
	ObserveNothing Observe = iota
	ObserveConnect         // failed connects: HAProxy's layer4
	ObserveAnswer          // and connections that the server breaks before its first byte
)

// health is the state of a server's health. All of it except for errors is guarded by the backend's
// lock.
type health struct {
	check riseFall // of checks; without checks, of health set by hand
	agent riseFall // of agent reports: 0 or 1

	stopping       bool         // the last passed check returned Layer7Stopping
	checked, asked bool         // whether checks, an agent are configured
	errors         atomic.Int64 // consecutive errors of client connections

	ejection             ejection
	lastCheck, lastAgent CheckRecord
	checks, reports      history            // that have finished
	seen                 *certificates.Seen // by the last check that got a certificate; may be nil
	inherited            inherited
}

// CheckRecord is a finished check.
type CheckRecord struct {
	Result
	At   time.Time
	Took time.Duration
}

// inherited is the condition of the tracked server.
type inherited struct {
	down    bool
	admin   Admin
	version uint64
}

// isDown reports whether the server's health keeps it from getting connections.
func (h *health) isDown() bool {
	return !h.check.up() || !h.agent.up() || h.inherited.down || h.ejection.out
}

// configure applies a configuration. anew means that the address has changed: the server is a
// different one, and its health starts over.
func (h *health) configure(c *ServerConfig, anew bool) {
	checked, asked := h.checked, h.asked
	h.checked, h.asked = c.Check != nil, c.Agent != nil
	if c.Track == (Ref{}) {
		h.inherited = inherited{}
	}
	if anew || c.Passive.Fails == 0 {
		h.ejection.reset()
	}
	if anew {
		h.startOver(c)
	} else {
		h.keep(c, checked, asked)
	}
}

// startOver gives a new server its first health.
func (h *health) startOver(c *ServerConfig) {
	rise, fall := c.riseAndFall()
	h.check, h.agent = riseFall{rise: rise, fall: fall}, riseFall{rise: 1, fall: 1}
	h.lastCheck, h.lastAgent = CheckRecord{Result: Result{Code: CodeNotChecked}}, CheckRecord{Result: Result{Code: CodeNotChecked}}
	h.reset(c.Init)
	h.agent.value = 1
	h.seen = nil
}

// keep keeps the health of a server as far as its configuration allows. checked and asked are as of
// the configuration before.
func (h *health) keep(c *ServerConfig, checked, asked bool) {
	rise, fall := c.riseAndFall()
	h.check.set(rise, fall)
	if !h.checked {
		h.seen = nil
	}
	if h.checked && !checked && h.check.up() && c.Init != InitFullyUp {
		h.check.value = rise // like a new server, but it stays up
	}
	if checked && !h.checked || asked && !h.asked { // nothing else would bring it up again
		h.reset(c.Init)
		if !h.asked {
			h.agent.value = 1
		}
	}
}

// riseAndFall returns the steps of the server's check, or those of health set by hand.
func (c *ServerConfig) riseAndFall() (rise, fall int) {
	if c.Check == nil {
		return 1, 1
	}
	return c.Check.Rise, c.Check.Fall
}

// reset restarts the counter of the checks, as after maintenance.
func (h *health) reset(i InitState) {
	h.check.reset(i)
	h.stopping = false
	h.errors.Store(0)
	h.ejection.reset()
}

// noteCheck notes the last check.
func (h *health) noteCheck(r CheckRecord) {
	h.lastCheck = r
	h.checks.add(r)
}

// noteSeen notes the certificates that a check has seen. A check that passes without any does not
// use TLS, while one that fails may not have got that far. It reports whether they are others than
// before.
func (h *health) noteSeen(r AgentReport) (changed bool) {
	if r.seen == nil && !r.Code.OK() {
		return false
	}
	changed = !h.seen.SameChain(r.seen)
	h.seen = r.seen
	return changed
}

// note records a result that no check produced, and returns it as the cause of a change.
func (h *health) note(r Result) cause {
	h.noteCheck(CheckRecord{Result: r, At: time.Now()})
	return cause{Result: r}
}

// recordCheck counts the result of a check, and reports whether it changed anything.
func (h *health) recordCheck(r Result, took time.Duration) (changed bool) {
	if r.Code == CodeNotChecked { // the check was aborted
		return false
	}
	before := h.lastCheck.Result
	h.noteCheck(CheckRecord{r, time.Now(), took})
	switch {
	case r.Code.Unknown(): // a shortage of the proxy says nothing about the server
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

// recordAgent applies an agent's view of the server's health. An agent that reports the server down
// overrides the checks; one that reports it up leaves the decision to them.
func (h *health) recordAgent(r Result, took time.Duration) {
	h.lastAgent = CheckRecord{r, time.Now(), took}
	h.reports.add(h.lastAgent)
	if r.Code == Layer7OK {
		h.agent.pass()
	}
	if r.Code == Layer7Status {
		h.agent.fail()
	}
}

// change sets the health that an operator wants, until the next check.
func (h *health) change(c Change) {
	if c.Agent != nil {
		h.agent.value = 1
		if *c.Agent == HealthDown {
			h.agent.value = 0
		}
	}
	if c.Health == nil {
		return
	}
	h.stopping = *c.Health == HealthStopping
	if *c.Health == HealthDown {
		h.check.value = 0
		return
	}
	h.check.value, h.agent.value = h.check.top(), 1
	h.ejection.reset()
}

// found returns the health that checks or an operator have found.
func (h *health) found() Health {
	switch {
	case h.stopping:
		return HealthStopping
	case h.check.up():
		return HealthUp
	default:
		return HealthDown
	}
}

// shown returns the same as a word.
func (h *health) shown() string { return h.found().String() }

// observed counts the outcome of a client's connection, and reports whether the number of
// consecutive errors has reached the limit. It is safe for concurrent use.
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

// onErrorLimit performs the OnError action on the counter, and returns the result to log.
func (h *health) onErrorLimit(limit int, what OnError) Result {
	r := Result{Code: CodeObserved, Info: fmt.Sprintf("%d consecutive errors", limit)}
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
	h.noteCheck(CheckRecord{Result: r, At: time.Now()})
	return r
}

// penalize performs the OnError action on a server whose clients have met too many errors.
func (b *backend) penalize(state *state) {
	s := b.current(state)
	if s == nil || s.Check == nil || state.now.admin == Maint {
		return
	}
	b.update(s, func() cause { return cause{Result: state.health.onErrorLimit(s.ErrorLimit, s.OnError)} })
	b.hasten(s)
}

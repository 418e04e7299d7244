// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"sync/atomic"
	"time"
)

// tightened is set by Tighten.
var tightened atomic.Bool

// tightTimeout is the least that Tighten leaves of a timeout which is longer.
const tightTimeout = 5 * time.Second

// Tighten shortens the timeouts of all sessions that the engine has in this process, to a quarter
// but no less than 5 s, or restores them. Sessions without a timeout stay without. Those that wait
// for their client's first bytes get the event Expired ahead of time. Call it again for sessions
// that have begun since.
func Tighten(on bool) {
	tightened.Store(on)
	if !on {
		return
	}
	for s := range Sessions() {
		s.lookAgain()
	}
}

// shortened returns a timeout as Tighten shortens it.
func shortened(timeout time.Duration) time.Duration {
	if timeout <= tightTimeout || !tightened.Load() {
		return timeout
	}
	return max(timeout/4, tightTimeout)
}

// lookAgain sets the session's timer by its shorter timeouts.
func (s *Session) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.engine.isActive() {
		return
	}
	if a := s.arrival(); a != nil && a.stage == inspecting && a.deadline != 0 && !a.busy {
		a.deadline, a.rechecked = clock(), false
	}
	s.arm()
}

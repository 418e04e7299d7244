// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"time"
)

const (
	// stallInterval is how often a stall looks at the clock.
	stallInterval = 500 * time.Millisecond
	// stallThreshold is how late that must be for the process not to have run.
	stallThreshold = time.Second
)

// stall finds out whether this process ran all the time while something took place:
// a check that was over late, since the process was stopped, says nothing of the
// server. It costs a timer, which does not fire where the check is quick.
type stall struct {
	mu    sync.Mutex
	timer *time.Timer
	last  time.Time // when it was last known to run
	seen  bool
}

func watchForStall() *stall {
	s := &stall{last: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(stallInterval, s.tick)
	return s
}

func (s *stall) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe(time.Now())
	s.timer.Reset(stallInterval)
}

// observe takes note of the time.
func (s *stall) observe(now time.Time) {
	s.seen = s.seen || now.Sub(s.last) > stallInterval+stallThreshold
	s.last = now
}

// stop stops looking, and reports whether there was a stall.
func (s *stall) stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe(time.Now())
	s.timer.Stop()
	return s.seen
}

// afterStall is what a check says during which the process was stopped: nothing,
// if its time was over.
func (r Result) afterStall() Result {
	switch r.Code {
	case Layer4Timeout, Layer6Timeout, Layer7Timeout:
		return Result{Code: CodeNotChecked}
	default:
		return r
	}
}

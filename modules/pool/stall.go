// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"time"
)

const (
	// stallInterval is the time between two looks at the clock.
	stallInterval = 500 * time.Millisecond
	// stallThreshold is the delay of a look that counts as a stall.
	stallThreshold = time.Second
)

// stall detects whether this process was stopped (SIGSTOP, a paused VM) during a check: a check
// that timed out because the proxy did not run says nothing about the server. It costs one timer,
// which does not fire during a short check.
type stall struct {
	mu    sync.Mutex
	timer *time.Timer
	last  time.Time // when the process last ran for certain
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

// observe records the time.
func (s *stall) observe(now time.Time) {
	s.seen = s.seen || now.Sub(s.last) > stallInterval+stallThreshold
	s.last = now
}

// stop ends the detection, and reports whether there was a stall.
func (s *stall) stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe(time.Now())
	s.timer.Stop()
	return s.seen
}

// afterStall returns what the result of a check means if the process was stopped during it: a
// timeout means nothing.
func (r Result) afterStall() Result {
	switch r.Code {
	case Layer4Timeout, Layer6Timeout, Layer7Timeout:
		return Result{Code: CodeNotChecked}
	default:
		return r
	}
}

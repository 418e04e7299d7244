// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sync"
	"time"
)

// byteMeter tells the entries that sessions track, every second, the bytes that these have moved.
// It has only sessions whose entries store bytes, and is idle without any.
type byteMeter struct {
	mu       sync.Mutex
	sessions []*session
	timer    *time.Timer // nil: there are no sessions
}

// meter is that of the process: sessions outlive configurations.
var meter byteMeter

const (
	meterPeriod = time.Second
	meterBatch  = 256 // sessions for which the lock is held at most
)

// add begins to meter a session.
func (m *byteMeter) add(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = append(m.sessions, s)
	s.tracked.metered = len(m.sessions)
	if m.timer == nil {
		m.timer = time.AfterFunc(meterPeriod, m.tick)
	}
}

// remove ends that. The session's tracked belongs to the caller afterwards.
func (m *byteMeter) remove(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := len(m.sessions) - 1
	moved := m.sessions[last]
	m.sessions[s.tracked.metered-1], moved.tracked.metered = moved, s.tracked.metered
	m.sessions[last] = nil
	m.sessions, s.tracked.metered = m.sessions[:last], 0
	if last == 0 {
		m.timer.Stop()
		m.sessions, m.timer = nil, nil
	}
}

// tick counts the bytes of all sessions. It may pass over one whose place changes meanwhile.
func (m *byteMeter) tick() {
	for from := 0; m.countFrom(from); from += meterBatch {
	}
}

// countFrom counts the bytes of a batch. After the last one it sets the timer and returns false.
func (m *byteMeter) countFrom(from int) (more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions[min(from, len(m.sessions)):min(from+meterBatch, len(m.sessions))] {
		c := s.Counters()
		s.tracked.count(c.In, c.Out)
	}
	if from+meterBatch < len(m.sessions) {
		return true
	}
	if m.timer != nil {
		m.timer.Reset(meterPeriod)
	}
	return false
}

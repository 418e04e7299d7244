// SPDX-License-Identifier: Apache-2.0

package frequency

import (
	"sync/atomic"
	"time"
)

// Meter counts events, and those of a sliding second, without a lock. Its rate is less exact than
// that of a Rate: it takes the events of the second before as evenly spread. The zero value is
// ready. It is safe for concurrent use.
type Meter struct {
	total       atomic.Int64
	now, before atomic.Uint64 // events of a second, below the number of that second
}

// secondShift is the place of the second's number in a word.
const secondShift = 32

// Count counts an event.
func (m *Meter) Count(at time.Time) {
	m.total.Add(1)
	second := uint64(at.Sub(epoch) / time.Second)
	for {
		v := m.now.Load()
		switch {
		case v>>secondShift >= second: // or another goroutine is ahead
			if m.now.CompareAndSwap(v, v+1) {
				return
			}
		case m.now.CompareAndSwap(v, second<<secondShift|1):
			m.before.Store(v)
			return
		}
	}
}

// Total returns the number of events so far.
func (m *Meter) Total() int64 { return m.total.Load() }

// Reset makes the number of events so far 0. The rate goes on.
func (m *Meter) Reset() { m.total.Store(0) }

// PerSecond returns about the number of events in the second that ends then.
func (m *Meter) PerSecond(at time.Time) int {
	since := at.Sub(epoch)
	second, part := uint64(since/time.Second), float64(since%time.Second)/float64(time.Second)
	v, before := m.now.Load(), m.before.Load()
	if v>>secondShift < second {
		before, v = v, 0
	}
	if before>>secondShift+1 != second {
		before = 0
	}
	const events = 1<<secondShift - 1
	return int(float64(v&events) + float64(before&events)*(1-part) + 0.5)
}

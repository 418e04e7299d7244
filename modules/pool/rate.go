// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"time"
)

// processStart is the origin of times.
var processStart = time.Now()

// Rate is the number of events in the last second, as HAProxy counts sessions per second: those of
// the current second, and a part of those of the one before, which shrinks as the current one
// passes. The zero value has had no events. It is safe for concurrent use.
type Rate struct {
	mu       sync.Mutex
	began    int64 // the current second, in milliseconds since the process started
	current  uint32
	previous uint32
}

const ratePeriod = 1000 // milliseconds

// sinceStart returns the time in milliseconds since the process started.
func sinceStart(now time.Time) int64 { return now.Sub(processStart).Milliseconds() }

// Count counts an event.
func (r *Rate) Count(now time.Time) {
	at := sinceStart(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch elapsed := at - r.began; {
	case elapsed < ratePeriod:
	case elapsed < 2*ratePeriod:
		r.began, r.previous, r.current = r.began+ratePeriod, r.current, 0
	default:
		r.began, r.previous, r.current = at, 0, 0
	}
	r.current++
}

// PerSecond returns the rate.
func (r *Rate) PerSecond(now time.Time) int {
	at := sinceStart(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	current, past, left := int64(r.current), int64(r.previous), r.began+ratePeriod-at
	if left < 0 { // a second is over, and the next one is without events
		current, past, left = 0, current, left+ratePeriod
	}
	switch {
	case left < 0:
		return 0
	case current == 0 && past <= 1: // a single event counts until it is a second old
		return int(past)
	default:
		return int((past*left + current*ratePeriod) / ratePeriod)
	}
}

// SPDX-License-Identifier: Apache-2.0

package frequency

import (
	"sync"
	"time"
)

// Rate counts events over a sliding second. The zero value is ready. It is safe for concurrent use.
type Rate struct {
	mu      sync.Mutex
	counter Counter // in ms since the epoch
}

// second is the period of a Rate, in ms.
const second = 1000

var epoch = time.Now()

func millis(at time.Time) int64 { return at.Sub(epoch).Milliseconds() }

// Count counts an event.
func (r *Rate) Count(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counter = r.counter.Plus(1, millis(at), second)
}

// Add counts an event, unless the limit has been reached. It reports whether it did.
func (r *Rate) Add(limit int, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := millis(at)
	if r.counter.wait(limit, now) > 0 {
		return false
	}
	r.counter = r.counter.Plus(1, now, second)
	return true
}

// Undo takes back an event that was counted a moment ago.
func (r *Rate) Undo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counter.Current > 0 {
		r.counter.Current--
	}
}

// PerSecond returns the number of events in the second that ends then.
func (r *Rate) PerSecond(at time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.counter.Read(millis(at), second))
}

// Wait returns how long it is until another event is within the limit; 0: it is at once.
func (r *Rate) Wait(limit int, at time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Duration(r.counter.wait(limit, millis(at))) * time.Millisecond
}

// wait returns the wait in ms.
func (c Counter) wait(limit int, now int64) int64 {
	events, before, left := c.at(now, second)
	if left < 0 {
		before = 0
	}
	current, previous := int64(events), int64(before)
	over := previous*max(0, left) + (current-int64(limit))*second
	switch {
	case over < 0:
		return 0
	case current < int64(limit):
		return over/previous + 1
	default: // until the current second is the previous one, and counts for less
		return left + second*(current-int64(limit))/current + 1
	}
}

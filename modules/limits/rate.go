// SPDX-License-Identifier: Apache-2.0

// Package limits counts what limits are about: the events of the last second, the connections of a
// number of clients, and those of the process. It decides nothing about listeners or connections:
// package durable leaves clients in the kernel's queue, and package frontend refuses them.
package limits

import (
	"sync"
	"time"
)

// Rate counts events over a sliding second, as HAProxy's freq_ctr does: those of the second before
// the current one count in proportion to how much of it is within. The zero value is ready. It is
// safe for concurrent use.
type Rate struct {
	mu                sync.Mutex
	tick              int64 // when the current second began, in ms
	current, previous int64
}

// second is the period of a Rate, in ms.
const second = 1000

var epoch = time.Now()

// now returns the time in ms; tests replace it.
var now = func() int64 { return time.Since(epoch).Milliseconds() }

// Add counts an event, unless the limit has been reached. It reports whether it did.
func (r *Rate) Add(limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := now()
	if r.wait(limit, at) > 0 {
		return false
	}
	r.count(at)
	return true
}

// Count counts an event.
func (r *Rate) Count() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(now())
}

// Undo takes back an event that was counted a moment ago.
func (r *Rate) Undo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current > 0 {
		r.current--
	}
}

// Wait returns how long until another event is within the limit; 0: it is now.
func (r *Rate) Wait(limit int) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Duration(r.wait(limit, now())) * time.Millisecond
}

func (r *Rate) count(at int64) {
	switch elapsed := at - r.tick; {
	case r.current|r.previous == 0: // the first one, which may be soon after the process has started
		r.tick = at
	case elapsed < second:
	case elapsed < 2*second:
		r.tick, r.previous, r.current = r.tick+second, r.current, 0
	default:
		r.tick, r.previous, r.current = at, 0, 0
	}
	r.current++
}

// wait returns the wait in ms.
func (r *Rate) wait(limit int, at int64) int64 {
	rest, current, previous := r.tick+second-at, r.current, r.previous
	if rest < 0 {
		rest += second
		previous, current = current, 0
		if rest < 0 {
			previous = 0
		}
	}
	over := previous*max(0, rest) + (current-int64(limit))*second
	switch {
	case over < 0:
		return 0
	case current < int64(limit):
		return over/previous + 1
	default: // until the current second is the previous one, and counts for less
		return rest + second*(current-int64(limit))/current + 1
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"slices"
	"sync"
	"time"
)

// A tally holds the units that one connection, or one client, has done. It has a lock
// because the server's side may go on counting while the result is put together.
type tally struct {
	mu       sync.Mutex
	took     []time.Duration
	errors   int
	firstErr error
}

func (t *tally) add(took time.Duration) {
	t.mu.Lock()
	t.took = append(t.took, took)
	t.mu.Unlock()
}

func (t *tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors++
	if t.firstErr == nil {
		t.firstErr = err
	}
}

// A sample is what one workload against one proxy came to in one round.
type sample struct {
	units    int
	elapsed  time.Duration
	cpu      time.Duration // of all processes of the proxy
	p50, p99 time.Duration
	errors   int
	firstErr error
	longest  time.Duration
	bulk     int // MiB that went through beside the units
	// counts are other numbers of the workload, by what they are.
	counts map[string]float64
	// base is the same workload in the mode that it is compared with.
	base *sample
}

// sum puts tallies together.
func sum(tallies []*tally) sample {
	var s sample
	var all []time.Duration
	for _, t := range tallies {
		t.mu.Lock()
		all = append(all, t.took...)
		s.errors += t.errors
		if s.firstErr == nil {
			s.firstErr = t.firstErr
		}
		t.mu.Unlock()
	}
	slices.Sort(all)
	s.units = len(all)
	if s.units > 0 {
		s.p50, s.p99 = quantile(all, 0.50), quantile(all, 0.99)
		s.longest = all[s.units-1]
	}
	return s
}

// quantile is of sorted durations, by the nearest rank.
func quantile(sorted []time.Duration, q float64) time.Duration {
	at := int(q * float64(len(sorted)))
	return sorted[min(at, len(sorted)-1)]
}

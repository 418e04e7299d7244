// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"slices"
	"sync"
	"time"
)

// A tally holds the units that one connection, or one client, has completed. It has a lock because
// the server may go on counting while the result is summed up.
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

// A sample is the result of one workload against one proxy in one round.
type sample struct {
	units    int
	elapsed  time.Duration
	cpu      time.Duration // of all processes of the proxy
	p50, p99 time.Duration
	errors   int
	firstErr error
	longest  time.Duration
	bulk     int // MiB transferred beside the measured units
	// counts are other figures of the workload, by their names.
	counts map[string]float64
	// base is the same workload in the mode to compare with.
	base *sample
}

// sum combines tallies.
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

// quantile returns a quantile of sorted durations, by the nearest rank.
func quantile(sorted []time.Duration, q float64) time.Duration {
	at := int(q * float64(len(sorted)))
	return sorted[min(at, len(sorted)-1)]
}

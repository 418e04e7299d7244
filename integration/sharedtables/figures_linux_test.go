// SPDX-License-Identifier: Apache-2.0

package sharedtables

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// figures are the times that visits took, by the phase in which they began.
type figures struct {
	mu     sync.Mutex
	phase  string
	phases []string
	took   map[string][]time.Duration
	failed map[string]int
}

// enter begins a phase, or returns to it.
func (f *figures) enter(phase string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.phase = phase
	if !slices.Contains(f.phases, phase) {
		f.phases = append(f.phases, phase)
	}
}

// current returns the phase.
func (f *figures) current() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.phase
}

// add counts a visit that began in a phase.
func (f *figures) add(phase string, took time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.took == nil {
		f.took, f.failed = make(map[string][]time.Duration), make(map[string]int)
	}
	if err != nil {
		f.failed[phase]++
		return
	}
	f.took[phase] = append(f.took[phase], took)
}

// log writes the figures of all phases.
func (f *figures) log(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, phase := range f.phases {
		took := slices.Sorted(slices.Values(f.took[phase]))
		if len(took) == 0 {
			continue
		}
		t.Logf("%s: %d visits, %d failed, time to the first byte: median %v, p99 %v, maximum %v", phase,
			len(took), f.failed[phase], took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	}
}

// returnAfter lets each client visit another node once, one after the other, and returns when the
// last one began that had another server than before.
func (f *fleet) returnAfter(before map[int]string, since time.Time) (last time.Duration) {
	f.t.Helper()
	for i, server := range before {
		began := time.Since(since)
		now, _, err := newClient(f.hello, i).visit(f.nodeOf(1)(i))
		if err != nil {
			f.t.Errorf("client %d: %v", i, err)
		}
		if now != server {
			last = began
		}
		time.Sleep(20 * time.Millisecond)
	}
	return last
}

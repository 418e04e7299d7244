// SPDX-License-Identifier: Apache-2.0

package frequency

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// after returns the time at a number of milliseconds after the epoch.
func after(ms int64) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

// With a limit of 2 a second, the third event waits until a millisecond of the next second has
// passed, and the fourth until half of it has.
func TestRate(t *testing.T) {
	var r Rate
	for i, c := range []struct {
		at   int64
		wait time.Duration // of one more, before it is counted
	}{
		{10_000, 0},
		{10_000, 0},
		{10_000, 1001 * time.Millisecond},
		{10_999, 2 * time.Millisecond},
		{11_001, 0},
		{11_002, 499 * time.Millisecond},
		{11_501, 0},
		{12_001, 0},
		{15_000, 0},
	} {
		if got := r.Wait(2, after(c.at)); got != c.wait {
			t.Errorf("%d, at %d: waits %v, want %v", i, c.at, got, c.wait)
		}
		if counted := r.Add(2, after(c.at)); counted != (c.wait == 0) {
			t.Errorf("%d, at %d: counted: %v", i, c.at, counted)
		}
	}
}

// The second of the first event begins with it, also soon after the process has started.
func TestRateAtStart(t *testing.T) {
	var r Rate
	r.Count(after(1300))
	if got := r.Wait(1, after(1300)); got != 1001*time.Millisecond {
		t.Errorf("waits %v", got)
	}
}

// No second has more events than twice the limit, no 10 seconds have more than 11 times it, and an
// event is counted after its wait.
func TestRateLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Rate
		at := int64(1)
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		var counted []int64
		for range 300 {
			at += rapid.Int64Range(0, 60).Draw(t, "gap")
			if wait := r.Wait(limit, after(at)); wait > 0 {
				at += wait.Milliseconds()
			}
			if !r.Add(limit, after(at)) {
				t.Fatalf("at %d an event is refused after its wait", at)
			}
			counted = append(counted, at)
		}
		within := func(first int, d int64) (n int) {
			for _, c := range counted[first:] {
				if c-counted[first] < d {
					n++
				}
			}
			return n
		}
		for i := range counted {
			if n := within(i, 1000); n > 2*limit {
				t.Fatalf("%d events in a second, with a limit of %d", n, limit)
			}
			if n := within(i, 10_000); n > 11*limit+1 {
				t.Fatalf("%d events in 10 s, with a limit of %d", n, limit)
			}
		}
	})
}

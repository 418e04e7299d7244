// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// setClock replaces the clock for a test.
func setClock(t testing.TB, at *int64) {
	before := now
	now = func() int64 { return *at }
	t.Cleanup(func() { now = before })
}

// With a limit of 2 a second, the third event waits until a millisecond of the next second has
// passed, and the fourth until half of it has.
func TestRate(t *testing.T) {
	var r Rate
	at := int64(10_000)
	setClock(t, &at)
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
		at = c.at
		if got := r.Wait(2); got != c.wait {
			t.Errorf("%d, at %d: waits %v, want %v", i, c.at, got, c.wait)
		}
		if counted := r.Add(2); counted != (c.wait == 0) {
			t.Errorf("%d, at %d: counted: %v", i, c.at, counted)
		}
	}
}

// The second of the first event begins with it, also soon after the process has started.
func TestRateAtStart(t *testing.T) {
	var r Rate
	at := int64(1300)
	setClock(t, &at)
	r.Count()
	if got := r.Wait(1); got != 1001*time.Millisecond {
		t.Errorf("waits %v", got)
	}
}

// No second has more events than twice the limit, no 10 seconds have more than 11 times it, and an
// event is counted after its wait.
func TestRateLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Rate
		at := int64(1)
		before := now
		now = func() int64 { return at }
		defer func() { now = before }()
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		var counted []int64
		for range 300 {
			at += rapid.Int64Range(0, 60).Draw(t, "gap")
			if wait := r.Wait(limit); wait > 0 {
				at += wait.Milliseconds()
			}
			if !r.Add(limit) {
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

func TestProcessLimits(t *testing.T) {
	var p ProcessLimits
	p.Accepted()
	p.Session()
	if wait := p.Wait(); wait != 0 {
		t.Errorf("without limits: %v", wait)
	}
	p.ConnRate.Store(1)
	p.SessRate.Store(2)
	p.Session()
	if wait := p.Wait(); wait != 0 {
		t.Errorf("below the limits: %v", wait)
	}
	p.Accepted()
	if wait := p.Wait(); wait == 0 {
		t.Error("no wait at the limit")
	}
}

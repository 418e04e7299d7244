// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"testing"

	"pgregory.net/rapid"
)

// TestWheel compares the wheel with a list: a timer fires at its time or before, early by at most a
// part of the remaining time, and one that is set again when it fires too early fires in time.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &wheel{now: rapid.Int64Range(0, 1<<40).Draw(t, "now")}
		begin := w.now
		due := map[int32]int64{}
		all := int32(rapid.IntRange(1, 20).Draw(t, "timers"))
		w.timers = make([]timer, 1+all)
		for i := int32(1); i <= all; i++ {
			distance := rapid.SampledFrom([]int64{1, 63, 64, 65, 4095, 4096, 5000, 1 << 18, 1<<24 - 1, 1 << 26}).Draw(t, "distance")
			due[i] = begin + distance
			w.set(i, due[i])
		}
		for range rapid.IntRange(0, 5).Draw(t, "removed") {
			i := rapid.Int32Range(1, all).Draw(t, "which")
			w.remove(i)
			delete(due, i)
		}
		for steps := 0; len(due) > 0; steps++ {
			if steps > 10_000 {
				t.Fatalf("%d timers never fire", len(due))
			}
			if w.empty() {
				t.Fatalf("%d timers are lost", len(due))
			}
			to := w.next() + rapid.SampledFrom([]int64{0, 0, 0, 1, 100}).Draw(t, "late")
			for _, i := range w.advance(to) {
				at, set := due[i]
				switch {
				case !set:
					t.Fatal("one that is not set fires")
				case at <= to:
					delete(due, i)
				default:
					w.set(i, at)
				}
			}
			for i, at := range due {
				if at < w.now {
					t.Fatalf("tick %d: timer %d for %d has not fired", w.now, i, at)
				}
			}
		}
		if !w.empty() {
			t.Fatal("something is left")
		}
	})
}

// An earlier time replaces a later one, and not the reverse.
func TestWheelSetsEarlier(t *testing.T) {
	w := &wheel{timers: make([]timer, 2)}
	for _, c := range []struct{ at, want int64 }{{100, 64}, {200, 0}, {50, 50}, {50, 0}} {
		if got := w.set(1, c.at); got != c.want {
			t.Errorf("set to %d: fires at %d, want %d", c.at, got, c.want)
		}
	}
	if got := w.advance(49); len(got) > 0 {
		t.Error("it fires too early")
	}
	if got := w.advance(50); len(got) != 1 || got[0] != 1 || !w.empty() {
		t.Errorf("fired %v", got)
	}
}

// TestWheelGrows adds timers while others are set.
func TestWheelGrows(t *testing.T) {
	w := new(wheel)
	w.add()
	const n = 5000
	for i := int32(1); i <= n; i++ {
		w.add()
		w.set(i, int64(i))
	}
	fired := make(map[int32]bool)
	for !w.empty() {
		for _, i := range w.advance(w.next()) {
			fired[i] = true
		}
	}
	if len(fired) != n {
		t.Errorf("%d of %d timers have fired", len(fired), n)
	}
}

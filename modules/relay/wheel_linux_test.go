// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWheel holds the wheel against a list: a timer fires at its time or before,
// by no more than the part of the way that is left, and each that is set again when
// it is too early is there in time.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &wheel{now: rapid.Int64Range(0, 1<<40).Draw(t, "now")}
		begin := w.now
		due := map[*Session]int64{}
		all := make([]*Session, rapid.IntRange(1, 20).Draw(t, "timers"))
		for i := range all {
			all[i] = new(Session)
			distance := rapid.SampledFrom([]int64{1, 63, 64, 65, 4095, 4096, 5000, 1 << 18, 1<<24 - 1, 1 << 26}).Draw(t, "distance")
			due[all[i]] = begin + distance
			w.set(all[i], due[all[i]])
		}
		for range rapid.IntRange(0, 5).Draw(t, "removed") {
			i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
			w.remove(all[i])
			delete(due, all[i])
		}
		for steps := 0; len(due) > 0; steps++ {
			if steps > 10_000 {
				t.Fatalf("%d timers never fire", len(due))
			}
			if w.empty() {
				t.Fatalf("%d timers are lost", len(due))
			}
			to := w.next() + rapid.SampledFrom([]int64{0, 0, 0, 1, 100}).Draw(t, "late")
			for _, s := range w.advance(to) {
				at, set := due[s]
				switch {
				case !set:
					t.Fatal("one that is not set fires")
				case at <= to:
					delete(due, s)
				default:
					w.set(s, at)
				}
			}
			for s, at := range due {
				if at < w.now {
					t.Fatalf("tick %d: a timer for %d has not fired (%v)", w.now, at, slices.Index(all, s))
				}
			}
		}
		if !w.empty() {
			t.Fatal("something is left")
		}
	})
}

// An earlier time takes the place of a later one, and not the other way round.
func TestWheelSetsEarlier(t *testing.T) {
	w, s := new(wheel), new(Session)
	for _, c := range []struct{ at, want int64 }{{100, 64}, {200, 0}, {50, 50}, {50, 0}} {
		if got := w.set(s, c.at); got != c.want {
			t.Errorf("set to %d: fires at %d, want %d", c.at, got, c.want)
		}
	}
	if got := w.advance(49); len(got) > 0 {
		t.Error("it fires too early")
	}
	if got := w.advance(50); len(got) != 1 || got[0] != s || !w.empty() {
		t.Errorf("fired %v", got)
	}
}

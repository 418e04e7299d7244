// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// event is n events at a time, in milliseconds.
type event struct{ at, n int64 }

// rateByDefinition returns the events in a period that ends now, from all events: of the period
// that began last, and of the one before as much as is still within. A period begins with the first
// event after it, or at the end of the one before, if that is not long ago.
func rateByDefinition(events []event, period, now int64) int64 {
	if len(events) == 0 {
		return 0
	}
	began := events[0].at
	for _, e := range events {
		if e.at >= began+2*period {
			began = e.at
		} else if e.at >= began+period {
			began += period
		}
	}
	if now > began+period {
		began += period // without an event yet
	}
	if now > began+period {
		return 0
	}
	var current, previous int64
	for _, e := range events {
		if e.at >= began {
			current += e.n
		} else if e.at >= began-period {
			previous += e.n
		}
	}
	if current == 0 && previous == 1 {
		return 1
	}
	return current + previous*(began+period-now)/period
}

func TestRateByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := rapid.SampledFrom([]int64{1, 7, 1000, 10_000, 1 << 24}).Draw(t, "period")
		now := rapid.Int64Range(0, math.MaxUint32+10_000).Draw(t, "start")
		step := rapid.OneOf(rapid.SampledFrom([]int64{0, 1, period - 1, period, period + 1, 2*period - 1, 2 * period, 2*period + 1}), rapid.Int64Range(0, period))
		var stored [20]byte
		var events []event
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if now += step.Draw(t, "pause"); rapid.Bool().Draw(t, "add") {
				n := rapid.Int64Range(1, 3).Draw(t, "n")
				writeFrequency(stored[:], wideRate, readFrequency(stored[:], wideRate, uint32(now)).Plus(uint64(n), int64(uint32(now)), period))
				events = append(events, event{now, n})
			}
			f := readFrequency(stored[:], wideRate, uint32(now))
			if want, got := rateByDefinition(events, period, now), f.Read(int64(uint32(now)), period); got != want {
				t.Fatalf("at %d: %d, want %d: %v, %+v", now, got, want, events, f)
			}
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

// Package frequency counts events over a sliding period, as HAProxy's freq_ctr does: those of the
// period before the current one count in proportion to how much of it is within.
package frequency

import "math/bits"

// Counter holds the time at which the current period began, its events, and those of the one
// before. The first period begins with the first event. The unit of times is the caller's. The zero
// value has had no events.
type Counter struct {
	Began             int64
	Current, Previous uint64
}

// Plus returns the counter with n more events. A period that is over becomes the previous one; if
// the one after it is over, too, a new one begins now.
func (c Counter) Plus(n uint64, now, period int64) Counter {
	switch elapsed := now - c.Began; {
	case c.Current|c.Previous == 0:
		c.Began = now
	case elapsed < period:
	case elapsed < 2*period:
		c.Began, c.Previous, c.Current = c.Began+period, c.Current, 0
	default:
		c = Counter{Began: now}
	}
	c.Current += n
	return c
}

// Read returns the number of events in the period that ends now. Those of the previous period count
// in proportion to how much of it is within. A single one counts as 1 until the end, instead of 0.
func (c Counter) Read(now, period int64) int64 {
	current, previous, left := c.at(now, period)
	switch {
	case left < 0:
		return 0
	case current == 0 && previous <= 1:
		return int64(previous)
	default:
		return int64(current + scale(previous, uint64(left), uint64(period)))
	}
}

// at returns the events of the period that runs now and of the one before, and how much of it is
// left; less than 0: both are over.
func (c Counter) at(now, period int64) (current, previous uint64, left int64) {
	if left = c.Began + period - now; left < 0 {
		return 0, c.Current, left + period
	}
	return c.Current, c.Previous, left
}

// scale returns n * part / whole, where the part is not larger than the whole.
func scale(n, part, whole uint64) uint64 {
	high, low := bits.Mul64(n, part)
	quotient, _ := bits.Div64(high, low, whole)
	return quotient
}

// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// frequency is a rate, HAProxy's freq_ctr: the time at which its period began, the events of this
// period, and those of the one before. The first period begins with the first event. Times are
// milliseconds modulo 2^32. HAProxy counts bytes, too, in 32 bits, which overflow within seconds.
type frequency struct {
	tick              uint32
	current, previous uint64
}

// readFrequency returns the rate that is stored in the bytes.
func readFrequency(b []byte, k kind) frequency {
	n := binary.NativeEndian
	if k == wideRate {
		return frequency{n.Uint32(b), n.Uint64(b[4:]), n.Uint64(b[12:])}
	}
	return frequency{n.Uint32(b), uint64(n.Uint32(b[4:])), uint64(n.Uint32(b[8:]))}
}

func (f frequency) write(b []byte, k kind) {
	n := binary.NativeEndian
	n.PutUint32(b, f.tick)
	if k == wideRate {
		n.PutUint64(b[4:], f.current)
		n.PutUint64(b[12:], f.previous)
		return
	}
	n.PutUint32(b[4:], uint32(min(f.current, math.MaxUint32)))
	n.PutUint32(b[8:], uint32(min(f.previous, math.MaxUint32)))
}

// plus returns the rate with n more events. A period that is over becomes the previous one; if the
// one after it is over, too, a new one begins now.
func (f frequency) plus(n uint64, now, period uint32) frequency {
	switch elapsed := now - f.tick; {
	case f.current|f.previous == 0:
		f.tick = now
	case elapsed < period:
	case uint64(elapsed) < 2*uint64(period):
		f.tick, f.previous, f.current = f.tick+period, f.current, 0
	default:
		f = frequency{tick: now}
	}
	f.current += n
	return f
}

// read returns the events in the period that ends now. Those of the previous period count in
// proportion to how much of it is within. A single one counts as 1 until the end, instead of 0.
func (f frequency) read(now, period uint32) int64 {
	current, previous := f.current, f.previous
	elapsed := uint64(now - f.tick)
	if elapsed > uint64(period) {
		elapsed -= uint64(period)
		current, previous = 0, current
	}
	if elapsed > uint64(period) {
		return 0
	}
	if current == 0 && previous <= 1 {
		return int64(previous)
	}
	return int64(current + scale(previous, uint64(period)-elapsed, uint64(period)))
}

// scale returns n * part / whole, where the part is not larger than the whole.
func scale(n, part, whole uint64) uint64 {
	high, low := bits.Mul64(n, part)
	quotient, _ := bits.Div64(high, low, whole)
	return quotient
}

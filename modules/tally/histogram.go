// SPDX-License-Identifier: Apache-2.0

package tally

import "math"

const (
	// Schema is the schema of Prometheus' native histograms that Histogram has: two buckets for
	// each power of two.
	Schema = 1

	perPower     = 1 << Schema
	classicRoom  = 16
	nativeRoom   = 70
	lowerOfPower = 0.7071067811865475 // the bound between its two buckets
)

// Layout describes the buckets of histograms of one kind of values.
type Layout struct {
	// Bounds are the upper bounds of the classic buckets, 16 at most, in order. The last bucket,
	// without a bound, is not among them.
	Bounds []float64
	// Exponent is the power of two up to which values count as zero in the native histogram. It has
	// buckets up to 2^(Exponent+35); larger values are in the last one.
	Exponent int
}

// The layouts.
var (
	// Seconds is for times, from some microseconds to days.
	Seconds = Layout{Bounds: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600}, Exponent: -14}
	// Bytes is for the sizes of messages.
	Bytes = Layout{Bounds: []float64{128, 256, 512, 1024, 1536, 2048, 3072, 4096, 8192, 16384, 65536}, Exponent: 0}
)

// Histogram counts values in the buckets of a classic and of a native histogram. All calls of its
// methods have the same layout.
type Histogram struct {
	count, zero uint64
	sum         float64
	classic     [classicRoom]uint64 // not cumulative
	native      [nativeRoom]uint64
}

// Observe counts a value that is not negative.
func (h *Histogram) Observe(l *Layout, v float64) {
	h.count++
	h.sum += v
	if n := l.classic(v); n < len(l.Bounds) {
		h.classic[n]++
	}
	if key := nativeKey(v) - l.first(); v > 0 && key >= 0 {
		h.native[min(key, nativeRoom-1)]++
	} else {
		h.zero++
	}
}

// classic returns the index of the classic bucket of a value.
func (l *Layout) classic(v float64) int {
	low, high := 0, len(l.Bounds)
	for low < high {
		if mid := (low + high) / 2; l.Bounds[mid] < v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// first returns the key of the first native bucket.
func (l *Layout) first() int { return l.Exponent*perPower + 1 }

// nativeKey returns the key of the native bucket of a value above zero, of which 2^(key/2) is the
// upper bound.
func nativeKey(v float64) int {
	fraction, exponent := math.Frexp(v)
	key := (exponent - 1) * perPower
	switch {
	case fraction > lowerOfPower:
		return key + 2
	case fraction > 0.5:
		return key + 1
	}
	return key
}

// Add adds the counts of another histogram.
func (h *Histogram) Add(o *Histogram) {
	h.count += o.count
	h.zero += o.zero
	h.sum += o.sum
	for n := range h.classic {
		h.classic[n] += o.classic[n]
	}
	for n := range h.native {
		h.native[n] += o.native[n]
	}
}

// Count returns the number of values.
func (h *Histogram) Count() uint64 { return h.count }

// Zero returns the number of values that count as zero in the native histogram.
func (h *Histogram) Zero() uint64 { return h.zero }

// Sum returns the sum of all values.
func (h *Histogram) Sum() float64 { return h.sum }

// Classic returns the numbers of values up to each of the layout's bounds.
func (h *Histogram) Classic(l *Layout) []uint64 {
	all, sum := make([]uint64, len(l.Bounds)), uint64(0)
	for n := range all {
		sum += h.classic[n]
		all[n] = sum
	}
	return all
}

// Native returns the numbers of values in the buckets of the native histogram that have any, by
// their keys.
func (h *Histogram) Native(l *Layout) map[int]int64 {
	all := make(map[int]int64)
	for n, count := range h.native {
		if count > 0 {
			all[l.first()+n] = int64(count)
		}
	}
	return all
}

// ZeroThreshold returns the value up to which values count as zero.
func (l *Layout) ZeroThreshold() float64 { return math.Ldexp(1, l.Exponent) }

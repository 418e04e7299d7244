// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
)

// A middle is the median of some values, with an interval that contains the true median with a
// probability of at least 95 %, whatever the values' distribution.
type middle struct {
	median    float64
	low, high float64 // NaN: too few values
}

// middleOf returns the middle of the values that are finite numbers.
func middleOf(values []float64) middle {
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	n := len(values)
	if n == 0 {
		return middle{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(values)
	m := middle{values[n/2], math.NaN(), math.NaN()}
	if n%2 == 0 {
		m.median = (values[n/2-1] + values[n/2]) / 2
	}
	if k := outer(n); k >= 0 {
		m.low, m.high = values[k], values[n-1-k]
	}
	return m
}

// outer returns how many of n sorted values may be left out at each end, so that the rest spans the
// true median with a probability of at least 95 %; -1: not even all values do. The number of values
// below the median has the binomial distribution of n tosses of a coin.
func outer(n int) int {
	below, throws := 0.0, math.Pow(2, float64(n))
	ways := 1.0 // n over k
	for k := 0; ; k++ {
		below += ways / throws
		if 2*below > 0.05 {
			return k - 1
		}
		ways = ways * float64(n-k) / float64(k+1)
	}
}

// ratio formats a ratio, with its interval if it has one.
func (m middle) ratio() string {
	switch {
	case math.IsNaN(m.median):
		return "–"
	case math.IsNaN(m.low):
		return fmt.Sprintf("%.2f", m.median)
	default:
		return fmt.Sprintf("%.2f (%.2f–%.2f)", m.median, m.low, m.high)
	}
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

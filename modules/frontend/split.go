// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sort"
	"sync/atomic"
)

// weightedSplit deals connections out to backends by their weights: of as many in a row as the
// weights add up to, each gets exactly its part, and it gets them evenly spread. A
// backend without a usable server keeps its part, whose connections end as no_server.
type weightedSplit struct {
	cumulative []uint64 // the sum of the weights up to each backend
	step       uint64   // coprime to the whole, and about 0.618 of it
	counter    atomic.Uint64
}

func newSplit(weights []int) *weightedSplit {
	s, divisor := new(weightedSplit), 0
	for _, weight := range weights {
		divisor = gcd(weight, divisor)
	}
	sum := uint64(0)
	for _, weight := range weights {
		sum += uint64(weight / divisor)
		s.cumulative = append(s.cumulative, sum)
	}
	for s.step = max(1, sum*618/1000); gcd(s.step, sum) != 1; {
		s.step++
	}
	return s
}

// nextIndex is the place of the backend whose turn it is. It is safe for concurrent use.
func (s *weightedSplit) nextIndex() int {
	whole := s.cumulative[len(s.cumulative)-1]
	at := (s.counter.Add(1) - 1) % whole * s.step % whole
	return sort.Search(len(s.cumulative), func(i int) bool { return at < s.cumulative[i] })
}

func gcd[T int | uint64](a, b T) T {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

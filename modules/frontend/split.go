// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sort"
	"sync/atomic"
)

// weightedSplit distributes connections among backends by weight. Of as many consecutive
// connections as the sum of the weights, each backend gets exactly its share, evenly spread. A
// backend without a usable server keeps its share; those connections end as no_server.
type weightedSplit struct {
	cumulative []uint64 // sums of the weights up to each backend
	step       uint64   // coprime to the sum of all, and about 0.618 of it
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

// nextIndex returns the index of the next backend. It is safe for concurrent use.
func (s *weightedSplit) nextIndex() int { return s.indexAt(s.counter.Add(1) - 1) }

// indexAt returns the index of the backend of the n-th connection, from 0.
func (s *weightedSplit) indexAt(n uint64) int {
	whole := s.cumulative[len(s.cumulative)-1]
	at := n % whole * s.step % whole
	return sort.Search(len(s.cumulative), func(i int) bool { return at < s.cumulative[i] })
}

func gcd[T int | uint64](a, b T) T {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// Sampling selects some of the messages: of each Size in a row those whose numbers, from 1, are in
// the ranges. The zero value selects all. It is HAProxy's sample.
type Sampling struct {
	Size   uint64
	ranges [][2]uint64

	seen atomic.Uint64
}

// ParseSampling parses RANGES:SIZE, such as 1,3-5:10.
func ParseSampling(text string) (*Sampling, error) {
	ranges, size, ok := strings.Cut(text, ":")
	s := &Sampling{}
	var err error
	if s.Size, err = strconv.ParseUint(size, 10, 32); !ok || err != nil || s.Size == 0 {
		return nil, fmt.Errorf("sample %q: expected RANGES:SIZE, such as 1,3-5:10", text)
	}
	last := uint64(0)
	for each := range strings.SplitSeq(ranges, ",") {
		low, high, isRange := strings.Cut(each, "-")
		from, err1 := strconv.ParseUint(low, 10, 32)
		to := from
		var err2 error
		if isRange {
			to, err2 = strconv.ParseUint(high, 10, 32)
		}
		if err1 != nil || err2 != nil || from <= last || to < from || to > s.Size {
			return nil, fmt.Errorf("sample %q: range %q: expected numbers from %d to %d, in ascending order", text, each, last+1, s.Size)
		}
		s.ranges, last = append(s.ranges, [2]uint64{from, to}), to
	}
	return s, nil
}

// Next reports whether the next message is selected. It is safe for concurrent use.
func (s *Sampling) Next() bool {
	if s == nil || s.Size == 0 {
		return true
	}
	n := (s.seen.Add(1)-1)%s.Size + 1
	for _, r := range s.ranges {
		if r[0] <= n && n <= r[1] {
			return true
		}
	}
	return false
}

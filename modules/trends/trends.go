// SPDX-License-Identifier: Apache-2.0

// Package trends remembers the last hour of a few numbers, one value every five seconds, in memory
// of a fixed size: 2880 bytes for each number. Times without a value, such as those before the
// process began or in which it did not run, are gaps and not zeros.
package trends

import (
	"math"
	"sync"
	"time"
)

const (
	// Step is the time between two values.
	Step = 5 * time.Second
	// Steps is the number of values that are remembered: those of an hour.
	Steps = int(time.Hour / Step)
)

// Series is a number that is remembered.
type Series uint8

// The series.
const (
	Sessions    Series = iota // open connections
	SessionRate               // new sessions a second
	BytesIn                   // bytes a second from clients
	BytesOut                  // bytes a second from servers
	Errors                    // connections a second that were refused or failed
	Saturation                // of the limit that is nearest, from 0 to 1
	SeriesCount
)

var seriesNames = [SeriesCount]string{"sessions", "session_rate", "bytes_in", "bytes_out", "errors", "saturation"}

// String returns the name of the series, as the admin endpoint has it.
func (s Series) String() string { return seriesNames[s] }

// Values holds a value of each series.
type Values [SeriesCount]float32

// gap stands for values that are missing.
var gap = float32(math.NaN())

// IsGap reports whether a value is missing.
func IsGap(v float32) bool { return v != v } // only NaN differs from itself

// History remembers the values of the last hour. The zero value is ready for use, which is safe for
// concurrent use.
type History struct {
	mu     sync.Mutex
	began  time.Time                   // of step 0
	next   int                         // the step after the last one with values; 0: no step has any
	values [SeriesCount][Steps]float32 // those of step n are at n % Steps
}

// Add remembers the values of a moment. Later ones of the same step replace them.
func (h *History) Add(now time.Time, v Values) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == 0 {
		h.began = now.Add(-Step / 2) // a value may come a little early or late
	}
	step := max(h.next-1, h.stepAt(now))
	for ; h.next <= step; h.next++ {
		for s := range h.values {
			h.values[s][h.next%Steps] = gap
		}
	}
	for s := range h.values {
		h.values[s][step%Steps] = v[s]
	}
}

// Wait returns the time until the values of the next step are due.
func (h *History) Wait(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == 0 {
		return 0
	}
	due := max(h.next, h.stepAt(now))
	return max(0, h.began.Add(time.Duration(due)*Step+Step/2).Sub(now))
}

// stepAt returns the step of a time, by the monotonic clock.
func (h *History) stepAt(now time.Time) int { return int(now.Sub(h.began) / Step) }

// at returns the value of a step, which may be a gap.
func (h *History) at(s Series, step int) float32 {
	if step < 0 || step < h.next-Steps || step >= h.next {
		return gap
	}
	return h.values[s][step%Steps]
}

// Snapshot is a copy of the values of the last hour.
type Snapshot struct {
	// End is the time of the last values.
	End time.Time
	// Values are those of each series, oldest first, Step apart. Missing ones are gaps: see IsGap.
	Values [SeriesCount][]float32
}

// Snapshot returns the values of the hour before now, which ends with the last complete step or
// with the last values.
func (h *History) Snapshot(now time.Time) (out Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, middle := 0, now
	if h.next > 0 {
		last = max(h.next-1, h.stepAt(now)-1)
		middle = h.began.Add(time.Duration(last)*Step + Step/2)
	}
	out.End = now.Add(middle.Sub(now)) // by the present clock
	room := make([]float32, int(SeriesCount)*Steps)
	for s := range SeriesCount {
		out.Values[s], room = room[:Steps:Steps], room[Steps:]
		for i := range out.Values[s] {
			out.Values[s][i] = h.at(s, last-Steps+1+i)
		}
	}
	return out
}

// Last returns the last value of a series, which is a gap if it is missing.
func (s *Snapshot) Last(of Series) float32 {
	if v := s.Values[of]; len(v) > 0 {
		return v[len(v)-1]
	}
	return gap
}

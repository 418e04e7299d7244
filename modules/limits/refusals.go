// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"sync/atomic"
	"time"
)

// Refusals counts refused connections by reason, and paces their log lines: one for each reason in
// a second, with the number of connections since the one before. The zero value is ready. It is
// safe for concurrent use.
type Refusals struct {
	counts  [ReasonCount]atomic.Int64
	pending [ReasonCount]atomic.Int64
	paced   [ReasonCount]atomic.Bool // a line was written within the last second

	log atomic.Pointer[func(why Reason, n int64)]
}

// LogBy sets the function that writes lines from now on, from any goroutine. The zero value writes
// no lines.
func (r *Refusals) LogBy(log func(why Reason, n int64)) { r.log.Store(&log) }

// Add counts a connection that was refused.
func (r *Refusals) Add(why Reason) {
	r.counts[why].Add(1)
	r.pending[why].Add(1)
	if !r.paced[why].Swap(true) {
		r.write(why)
	}
}

// write writes a line about pending refusals, and looks again a second later.
func (r *Refusals) write(why Reason) {
	n := r.pending[why].Swap(0)
	if n == 0 {
		r.paced[why].Store(false)
		if r.pending[why].Load() == 0 || r.paced[why].Swap(true) {
			return
		}
		n = r.pending[why].Swap(0) // one came in between
	}
	if log := r.log.Load(); log != nil {
		(*log)(why, n)
	}
	time.AfterFunc(time.Second, func() { r.write(why) })
}

// Counts returns the numbers of refused connections by reason; nil without any.
func (r *Refusals) Counts() map[string]int64 {
	var all map[string]int64
	for why := range ReasonCount {
		if n := r.counts[why].Load(); n > 0 {
			if all == nil {
				all = make(map[string]int64)
			}
			all[why.String()] = n
		}
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package relay

import "sync/atomic"

// stripe counts bytes that sessions have passed on, by the side that they came from.
type stripe struct {
	bytes [2]atomic.Int64
	_     [48]byte // another cache line than the next one's
}

// stripes count the bytes that no shard's goroutine passes on: the first ones of a session, and
// those that are copied. There are several, so that goroutines that count at the same time seldom
// meet.
var stripes [16]stripe

// lastStripe numbers the copied sessions, to spread them over stripes.
var lastStripe atomic.Uint32

func nextStripe() *stripe { return &stripes[lastStripe.Add(1)%uint32(len(stripes))] }

// count counts bytes that came from a peer and were passed on, or were not, if n is negative.
func (s *copied) count(from *peer, n int64) {
	from.sent.Add(n)
	s.moved.bytes[from.side].Add(n)
}

// add adds the bytes of a stripe.
func (s *Stats) add(moved *stripe) {
	s.In += moved.bytes[Client].Load()
	s.Out += moved.bytes[Server].Load()
}

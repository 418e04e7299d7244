// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// result tells whether an entry was found, written or learned, and why not.
type result uint8

// Results.
const (
	isFound result = iota
	isAbsent
	isFailed
	isInvalid
	isWritten
	isLearned
	isFull
	results
)

// words are the names of results.
var words = [results]string{"found", "absent", "failed", "invalid", "written", "learned", "full"}

// tallied counts results.
type tallied [results]atomic.Uint64

func (t *tallied) add(r result) { t[r].Add(1) }

// of returns the numbers of some results.
func (t *tallied) of(all ...result) map[string]uint64 {
	out := make(map[string]uint64)
	for _, r := range all {
		out[words[r]] = t[r].Load()
	}
	return out
}

// counts holds the numbers of Status.
type counts struct {
	fetches, writes, learned tallied
	outages                  atomic.Uint64

	mu      sync.Mutex
	seconds tally.Histogram
}

// observe notes the time that a lookup took.
func (c *counts) observe(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seconds.Observe(&tally.Seconds, took.Seconds())
}

func (c *counts) addTo(s *stick.ShareStatus) {
	s.Fetches = c.fetches.of(isFound, isAbsent, isFailed, isInvalid)
	s.Writes = c.writes.of(isWritten, isFailed)
	s.Learned = c.learned.of(isLearned, isInvalid, isFull)
	s.Outages = c.outages.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.FetchSeconds = c.seconds
}

// status is the state of a share.
type status struct {
	mu    sync.Mutex
	state string
	since time.Time
	err   string
}

// set changes the state, and returns the one before and how long it lasted.
func (s *status) set(state string, err error) (before string, lasted time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.state
	if err != nil {
		s.err = err.Error()
	}
	if before != state {
		lasted = time.Since(s.since)
		s.state, s.since = state, time.Now()
	}
	return before, lasted
}

func (s *status) get() (out stick.ShareStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out.State, out.Since, out.Error = s.state, s.since, s.err
	return out
}

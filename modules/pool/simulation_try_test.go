// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"math/rand/v2"
	"slices"
	"time"
)

func newSimulation(seed uint64) *simulation {
	return &simulation{rng: rand.New(rand.NewPCG(seed, 0)), model: make(map[string]*modelServer), sticky: stickTable(16)}
}

// try calls TryAcquire for a client, and reports whether it got a server.
func (s *simulation) try(c *simClient) bool {
	p := s.current()
	waiting, before := p.Waiting(), s.counts()
	lease := c.asked.TryAcquire(&c.request)
	if lease != nil {
		c.result.Store(&simResult{ended: time.Now(), lease: lease})
		return true
	}
	if got := p.Waiting(); got != waiting {
		s.fail("after TryAcquire of client %d, %d wait, and before %d", c.id, got, waiting)
	}
	if got := s.counts(); !slices.Equal(got, before) {
		s.fail("TryAcquire of client %d has changed the counts from %v to %v", c.id, before, got)
	}
	c.mustWait = waiting == 0 || !s.dynamic()
	return false
}

// counts returns the counts of all servers of the configuration that serves.
func (s *simulation) counts() (list []int64) {
	for _, srv := range s.current().Serving() {
		list = append(list, srv.Sessions(), srv.Queued(), int64(srv.Taken()))
	}
	return list
}

// dynamic reports whether limits of servers grow with each request.
func (s *simulation) dynamic() bool {
	for _, c := range s.current().config.Servers {
		if c.MinConn > 0 && c.MinConn < c.MaxConn { // 0: MaxConn
			return true
		}
	}
	return false
}

// compare runs a simulation in which no request uses TryAcquire, and checks that the results are
// the same.
func (s *simulation) compare(other *simulation, steps int) {
	other.run(steps)
	for i, told := range s.story {
		if i >= len(other.story) || told != other.story[i] {
			s.story = s.story[:i+1]
			s.fail("it would have gone otherwise without TryAcquire: %v", other.story[i:min(i+1, len(other.story))])
			return
		}
	}
}

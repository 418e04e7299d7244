// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"fmt"
	"time"
)

// crowdAttacks are many connections at once.
var crowdAttacks = []attack{
	{name: "silent clients", rounds: 3, config: greeting, run: func(s *stage) { s.unfinished("silent") }},
	{name: "silent clients where a PROXY header is due", rounds: 3, config: behindProxy, run: func(s *stage) { s.unfinished("silent") }},
	{name: "dripping clients", rounds: 3, config: greeting, run: func(s *stage) { s.unfinished("drip") }},
	{name: "clients that never read", rounds: 3, config: greeting, run: neverRead},
	{name: "connections from many addresses", rounds: 3, config: greeting, run: manyAddresses},
	{name: "one source takes all places", config: places, run: takeAllSlots},
}

func greeting(s *stage) settings { return one(s.listen(origin), "") }

// behindProxy requires a PROXY header of each client, for which they have as long as for a hello
// elsewhere.
func behindProxy(s *stage) settings {
	s.hello = append([]byte("PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n"), s.hello...)
	set := greeting(s)
	set.bind, set.defaults = "accept-proxy", fmt.Sprintf("    timeout client %d\n", inspectDelay.Milliseconds())
	return set
}

// unfinished attacks with clients that do not complete their hello.
func (s *stage) unfinished(kind string) {
	n := scaled(8000, 1000)
	calm := s.calm()
	before := s.rss()
	began := time.Now()
	c := s.attackers(kind, n, 64)
	took := time.Since(began)
	s.must(took < inspectDelay, "connecting took %v", took)
	s.measured(fmt.Sprintf("memory for each of %d", n), "%.1f KB", float64(s.rss()-before)/float64(n)/1000)
	got := s.besides(calm)
	s.must(got.rate() == 100, "legitimate clients: %v", got)
	s.within("descriptors", s.before.descriptors, s.descriptors)
	time.Sleep(2 * time.Second) // for the last of them to notice
	o := c.leave(s)
	s.must(o.Ended == int64(n), "%d of %d were ended", o.Ended, n)
	s.measured("all gone after", "%.1f s", o.Longest.Seconds())
}

// neverRead attacks with clients that request bytes and read none.
func neverRead(s *stage) {
	n := scaled(1000, 200)
	calm := s.calm()
	alone := s.download()
	before := s.rss()
	c := s.attackers("never reads", n, 64)
	time.Sleep(time.Second) // the servers fill the buffers
	s.measured(fmt.Sprintf("memory for each of %d", n), "%.1f KB", float64(s.rss()-before)/float64(n)/1000)
	got := s.besides(calm)
	s.must(got.rate() == 100, "legitimate clients: %v", got)
	s.measured("time of a download, of that without the attack", "%.1f", float64(s.download())/float64(alone))
	c.leave(s)
}

// download transfers some bytes at once with a few clients, and returns the time it took.
func (s *stage) download() time.Duration {
	s.Helper()
	began := time.Now()
	errs := make(chan error)
	for range 4 {
		go func() { errs <- s.take("bulk.example.test", bulk) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			s.must(false, "a download: %v", err)
		}
	}
	return time.Since(began)
}

// manyAddresses attacks with many clients, each with its own source address.
func manyAddresses(s *stage) {
	n := scaled(20_000, 2000)
	before := s.rss()
	began := time.Now()
	o := s.attackers("once", n, 64).leave(s)
	s.measured(fmt.Sprintf("served of %d", n), "%.2f %%", 100*float64(o.Served)/float64(n))
	s.measured("connections in a second", "%.0f", float64(n)/time.Since(began).Seconds())
	s.measured("memory that is left of it", "%.1f MB", max(0, float64(s.rss()-before))/1e6)
	s.must(o.Served == int64(n), "%+v", o)
}

const seats = 100

func places(s *stage) settings { return one(s.listen(origin), fmt.Sprintf("maxconn %d", seats)) }

// takeAllSlots attacks from one source that holds all slots of a server, and as many places in the
// queue.
func takeAllSlots(s *stage) {
	calm := s.calm()
	c := s.attackers("holds", 2*seats, 64)
	got := s.load(legit, legitPause, legitTime())
	s.Logf("%s: calm: %v; attacked: %v", s.proxy, calm, got)
	s.measured("legitimate clients served", "%.1f %%", got.rate())
	c.leave(s)
	s.measured("served again, after its end, in", "%.0f ms", float64(s.awaitServed())/1e6)
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import "time"

// floodAttacks are connections that are closed as soon as they are made.
var floodAttacks = []attack{
	{name: "storm of resets", rounds: 3, config: greeting, run: func(s *stage) { s.flooded("storm") }},
	{name: "closed before it is accepted", rounds: 3, config: greeting, run: func(s *stage) { s.flooded("flood") }},
}

func (s *stage) flooded(kind string) {
	calm := s.calm()
	began := time.Now()
	c := s.attackers(kind, 0, scaled(64, 16))
	got := s.besides(calm)
	o := c.leave(s)
	s.measured("connections of the attack in a second", "%.0f", float64(o.Connected)/time.Since(began).Seconds())
	s.must(len(got.waits) > 0, "legitimate clients: %v", got) // the attack takes all the CPU
	s.must(o.Connected > 0, "no attack: %+v", o)
}

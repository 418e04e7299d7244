// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// limitAttacks are clients that take more than their part, against limits.
var limitAttacks = []attack{
	{name: "a flood from one address, with limits", rounds: 3, config: limited, run: floodOneAddress},
	{name: "slow clients", rounds: 3, config: greeting, run: slowClients},
	{name: "500 clients that stay, 200 descriptors", config: descriptors(200), run: func(s *stage) { stayOnFew(s, 500, 90, scaled(60, 5)) }},
	{name: "300 clients that stay, 100 descriptors", config: descriptors(100), run: func(s *stage) { stayOnFew(s, 300, 40, scaled(10, 3)) }},
}

// limited limits each client, by limit and by HAProxy's stick table.
func limited(s *stage) settings {
	set := greeting(s)
	set.spread = true
	set.limit = `{"per_ip": 50, "rate": "100/10s"}`
	set.frontend = `    tcp-request connection track-sc0 src table per_ip
    tcp-request connection reject if { sc0_conn_cur gt 50 } || { sc0_conn_rate gt 100 }
`
	set.tables = `backend per_ip
    stick-table type ipv6 size 200k expire 60s store conn_cur,conn_rate(10s)
`
	return set
}

// floodOneAddress attacks with many connections of one client while others are served.
func floodOneAddress(s *stage) {
	n := scaled(20_000, 4000)
	calm := s.calm()
	outcomes := make(chan outcome)
	began := time.Now()
	go func() { outcomes <- s.attackers("knocks", n, 64).leave(s) }()
	got := s.load(legit, legitPause, legitTime())
	o := <-outcomes
	s.Logf("%s: calm: %v; attacked: %v; %+v in %v", s.proxy, calm, got, o, time.Since(began))
	s.measured("legitimate clients served", "%.1f %%", got.rate())
	s.measured("their p99, of that without the attack", "%.1f", got.p99()/calm.p99())
	s.measured(fmt.Sprintf("served of the %d", n), "%.0f", float64(o.Served))
	s.must(got.rate() == 100, "legitimate clients: %v", got)
	s.must(o.Served <= 300, "%d connections of the attack were served", o.Served)
	if !s.isOurs() {
		return
	}
	refused := s.refused()
	lines := strings.Count(s.printed(), "connections refused by limit")
	s.Logf("refused: %v, in %d lines", refused, lines)
	s.must(refused["rate"]+refused["per_ip"] >= int64(n)-300, "refused: %v", refused)
	s.must(lines > 0 && lines <= 2*int(time.Since(began)/time.Second+2), "%d log lines", lines)
}

// refused returns the refused connections by reason.
func (s *stage) refused() map[string]int64 {
	s.Helper()
	var answer map[string]struct{ Refused map[string]int64 }
	_, text := s.ask(http.MethodGet, "/passthrough/frontends", "")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		s.Fatalf("%v in %s", err, text)
	}
	return answer["tls"].Refused
}

// slowClients attacks with clients of which half are silent, and half send a byte of their hello
// each second.
func slowClients(s *stage) {
	n := scaled(8000, 1000)
	calm := s.calm()
	before := s.footprint()
	c := s.attackers("slow", n, 64)
	time.Sleep(1500 * time.Millisecond) // for a byte or two
	after := s.footprint()
	each := float64(after.rss-before.rss) / float64(n)
	s.measured(fmt.Sprintf("memory for each of %d", n), "%.1f KB", each/1000)
	s.must(!full || each <= 2048, "%.0f bytes of memory for each", each)
	got := s.besides(calm)
	s.measured("p99 of legitimate clients", "%.1f ms", got.p99())
	s.must(got.rate() == 100, "legitimate clients: %v", got)
	if s.isOurs() {
		s.measured("goroutines", "%.0f", float64(after.goroutines-before.goroutines))
		s.must(after.goroutines-before.goroutines < n/10, "%d goroutines", after.goroutines-before.goroutines)
	}
	s.within("descriptors", s.before.descriptors, s.descriptors)
	time.Sleep(2 * time.Second) // for the last of them to notice
	o := c.leave(s)
	s.must(o.Ended == int64(n), "%d of %d were ended", o.Ended, n)
	s.measured("all gone after", "%.1f s", o.Longest.Seconds())
}

// descriptors runs the proxies with that many descriptors, in front of two servers that keep
// sessions, which no timeout ends. HAProxy gets the highest maxconn with which it starts.
func descriptors(n int) func(s *stage) settings {
	return func(s *stage) settings {
		set := settings{
			global:   fmt.Sprintf("    maxconn %d\n", (n-32)/2),
			defaults: "    timeout client 10m\n    timeout server 10m\n",
			wrap:     []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", n, n)},
		}
		for i := range 2 {
			set.backend += fmt.Sprintf("    server s%d %s check inter 200ms fall 2 rise 1\n", i+1, s.listen(origin))
		}
		return set
	}
}

// stayOnFew attacks with clients whose sessions stay, more than there are descriptors for.
func stayOnFew(s *stage, clients, want, seconds int) {
	if got := s.load(8, 0, time.Second); got.rate() != 100 {
		s.must(false, "before: %v", got)
	}
	c := s.attackers("holds", clients, clients)
	least, most := int64(clients), int64(0)
	for began := time.Now(); time.Since(began) < time.Duration(seconds)*time.Second; time.Sleep(200 * time.Millisecond) {
		n := int64(0)
		for _, one := range s.servers() {
			n += one.Sessions
		}
		if time.Since(began) > time.Second {
			least = min(least, n)
		}
		most = max(most, n)
	}
	s.measured("served at a time, at least", "%.0f", float64(least))
	s.measured("at most", "%.0f", float64(most))
	s.measured("times that a server went down", "%.0f", float64(s.downs()))
	s.must(least >= int64(want), "%d were served at a time, want %d", least, want)
	s.must(s.downs() == 0, "servers went down: %v", s.servers())
	c.leave(s)
	s.measured("served again, after its end, in", "%.0f ms", float64(s.awaitServed())/1e6)
}

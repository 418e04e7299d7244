// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// shortageAttacks are more load than the descriptors or the memory allow.
var shortageAttacks = []attack{
	{name: "500 clients, 200 descriptors", rounds: 3, config: fewDescriptors, run: shortOfDescriptors},
	{name: "500 silent clients, 200 descriptors", config: fewDescriptors, run: silentOnFew},
	{name: "silent clients, little memory", config: littleMemory, run: shortOfMemory},
}

func fewDescriptors(s *stage) settings {
	n := settings{global: "    maxconn 80\n", wrap: []string{"prlimit", "--nofile=200:200"}}
	for i := range 2 {
		n.backend += fmt.Sprintf("    server s%d %s check inter 200ms fall 2 rise 1\n", i+1, s.listen(slowly))
	}
	return n
}

// downs returns how often servers went down, by the results of their checks.
func (s *stage) downs() (n int64) {
	for name, one := range s.servers() {
		if name == "s1" || name == "s2" {
			n += one.Down
		}
	}
	return n
}

func shortOfDescriptors(s *stage) {
	alone := s.load(32, 0, legitTime())
	got := s.load(500, 0, 2*legitTime())
	s.Logf("%s: 32 clients: %v; 500: %v", s.proxy, alone, got)
	s.measured("clients served", "%.1f %%", got.rate())
	s.measured("served in a second, of what 32 clients are", "%.2f", got.perSecond()/alone.perSecond())
	s.measured("p99", "%.0f ms", got.p99())
	s.measured("times that a server went down", "%.0f", float64(s.downs()))
	s.must(s.downs() == 0, "servers went down: %v", s.servers())
	s.must(got.rate() == 100, "clients: %v", got)
}

// silentOnFew attacks with clients that hold descriptors until inspect-delay is over.
func silentOnFew(s *stage) {
	c := s.attackers("silent", 500, 500)
	got := s.load(legit, legitPause, inspectDelay)
	s.Logf("%s: %v", s.proxy, got)
	s.measured("legitimate clients served", "%.1f %%", got.rate())
	s.measured("times that a server went down", "%.0f", float64(s.downs()))
	s.must(s.downs() == 0, "servers went down: %v", s.servers())
	c.leave(s)
	s.measured("served again, after its end, in", "%.0f ms", float64(s.awaitServed())/1e6)
}

// memoryLimit is the limit of both, set by a control group; ours also gets it as the collector's
// limit.
const memoryLimit = 112 << 20

func littleMemory(s *stage) settings {
	n := greeting(s)
	group := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("attack%d", os.Getpid()))
	if err := os.Mkdir(group, 0o700); err != nil && !os.IsExist(err) {
		s.Logf("no control group, only the collector's limit: %v", err)
	} else {
		s.Cleanup(func() { _ = os.Remove(group) })
		if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), []byte(strconv.Itoa(memoryLimit)), 0o600); err != nil {
			s.Logf("cannot set a limit of a control group: %v", err)
		} else {
			n.wrap = []string{"sh", "-c", "echo $$ >" + filepath.Join(group, "cgroup.procs") + ` && exec "$@"`, "sh"}
		}
	}
	n.env = []string{fmt.Sprintf("GOMEMLIMIT=%d", memoryLimit*9/10)}
	return n
}

// shortOfMemory keeps silent clients connected that would not fit if each cost 10 KB. Nothing is
// shed for want of memory: with more than fit, the kernel kills the proxy.
func shortOfMemory(s *stage) {
	calm := s.calm()
	c := s.attackers("silent", scaled(8000, 2000), 64)
	time.Sleep(100 * time.Millisecond)
	s.measured("resident memory", "%.0f MB", float64(s.rss())/1e6)
	got := s.besides(calm)
	s.must(got.rate() == 100, "legitimate clients: %v", got)
	c.leave(s)
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// slowly serves a connection slowly.
func slowly(c *net.TCPConn) {
	time.Sleep(20 * time.Millisecond)
	origin(c)
}

// serverAttacks are servers that do not serve.
var serverAttacks = []attack{
	{name: "a server accepts and is silent", config: func(s *stage) settings {
		return beside(s, s.listen(neverAnswers), "    option ssl-hello-chk\n", "check inter 200ms fall 2 rise 1")
	}, run: besideFaulty},
	{name: "a server resets at random", config: func(s *stage) settings { return beside(s, s.listen(resetsAtRandom), "", "") }, run: besideFaulty},
	{name: "a server flaps every 100 ms", config: func(s *stage) settings {
		return beside(s, s.flapping(), "", "check inter 50ms fall 1 rise 1")
	}, run: besideFaulty},
	{name: "half of the servers down at once", config: manyServers, run: halfDown},
	{name: "all servers refuse", config: noServers, run: retryStorm},
}

// beside returns a backend of a good server and another one.
func beside(s *stage, other, lines, options string) settings {
	return settings{
		defaults: "    timeout check 200ms\n",
		backend:  fmt.Sprintf("    timeout server 1s\n%s    server good %s\n    server other %s %s\n", lines, s.listen(origin), other, options),
	}
}

func besideFaulty(s *stage) {
	got := s.load(legit, legitPause, 2*legitTime())
	s.Logf("%s: %v", s.proxy, got)
	s.measured("clients served", "%.1f %%", got.rate())
	s.measured("p99", "%.0f ms", got.p99())
	s.must(len(got.waits) > 0, "clients: %v", got)
}

// flapping returns the address of a server that listens for 100 ms, and then does not, in turn.
func (s *stage) flapping() string {
	address := s.free()
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			ln, err := net.Listen("tcp", address)
			if err == nil {
				go accept(ln, origin)
			}
			for range 2 {
				select {
				case <-over:
				case <-time.After(100 * time.Millisecond):
				}
				if err == nil {
					_ = ln.Close()
				}
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	s.Cleanup(func() {
		close(over)
		wg.Wait()
	})
	return address
}

// many are servers, half of which can be stopped.
var many []net.Listener

func manyServers(s *stage) settings {
	var b strings.Builder
	fmt.Fprint(&b, "    balance source\n    hash-type consistent\n")
	many = nil
	for i := range scaled(1000, 200) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() { _ = ln.Close() })
		go accept(ln, origin)
		many = append(many, ln)
		fmt.Fprintf(&b, "    server s%d %s weight 100 check inter 500ms fall 1 rise 1\n", i, ln.Addr())
	}
	return settings{backend: b.String()}
}

func halfDown(s *stage) {
	s.load(legit, legitPause, time.Second)
	calm := s.calm()
	for i, ln := range many {
		if i%2 == 0 {
			_ = ln.Close()
		}
	}
	s.besides(calm)
	s.within("servers up", len(many)/2, func() (up int) {
		for name, one := range s.servers() {
			if strings.HasPrefix(name, "s") && one.Health == "up" {
				up++
			}
		}
		return up
	})
}

func noServers(s *stage) settings {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = ln.Close() })
	go accept(ln, origin)
	many = []net.Listener{ln}
	return settings{backend: fmt.Sprintf("    server s1 %s\n    server s2 %s\n    server s3 %s\n", ln.Addr(), s.free(), s.free())}
}

// retryStorm counts connects to servers per client of a backend without any usable server.
func retryStorm(s *stage) {
	_ = many[0].Close()
	failed := func() (n uint64) {
		for name, one := range s.servers() {
			if strings.HasPrefix(name, "s") {
				n += one.ConnectsFailed
			}
		}
		return n
	}
	before := failed()
	got := s.load(64, 0, legitTime())
	s.Logf("%s: %v, %v", s.proxy, got, s.servers())
	s.measured("connects for each client", "%.1f", float64(failed()-before)/float64(got.failures()))
	ln, err := net.Listen("tcp", many[0].Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = ln.Close() })
	go accept(ln, origin)
	s.measured("served again in", "%.0f ms", float64(s.awaitServed())/1e6)
}

// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The average follows a greater time at once, and falls with the time that has passed.
func TestResponseTime(t *testing.T) {
	const ms = time.Millisecond
	var r responseTime
	check := func(step string, now time.Duration, want time.Duration) {
		t.Helper()
		if got := time.Duration(r.at(now, 10*time.Second)); (got - want).Abs() > want/50 {
			t.Errorf("%s: %v, want %v", step, got, want)
		}
	}
	observe := func(after, now time.Duration, e pool.ResponseEvent) { r.observe(after, now, 10*time.Second, e) }
	observe(20*ms, 0, pool.Connected)
	check("connected", 0, 20*ms)
	if r.known {
		t.Error("it counts as known before it has answered")
	}
	observe(100*ms, 80*ms, pool.Answered)
	check("a greater time", 80*ms, 100*ms)
	observe(ms, 80*ms, pool.Connected)
	check("a connect that is faster than the answers", 80*ms, 100*ms)
	observe(10*ms, 80*ms, pool.Answered)
	check("at once, a smaller time changes nothing", 80*ms, 100*ms)
	observe(10*ms, 10*time.Second+80*ms, pool.Answered)
	check("later it counts", 10*time.Second+80*ms, 43*ms)
	check("without connections it falls", 20*time.Second+80*ms, 16*ms)
	if !r.known {
		t.Error("it has answered")
	}
}

// peak opens a pool of servers and returns functions that take a connection to one of them, and
// report how it went.
type peak struct {
	t *testing.T
	*pool.Pool
	reg    *pool.Registry
	policy *PeakEWMA
}

func newPeak(t *testing.T, reg *pool.Registry, servers ...pool.ServerConfig) *peak {
	p := &peak{t: t, reg: reg, policy: new(PeakEWMA)}
	opened, err := reg.Open(pool.Config{Backend: "b", Policy: provisioned(t, p.policy), Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	opened.Activate()
	p.Pool = opened
	return p
}

func (p *peak) take() *pool.Lease {
	p.t.Helper()
	l, err := p.Acquire(context.Background(), new(pool.Request))
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

// serve serves connections one after the other, each in the time of its server, and returns how
// many each server has got.
func (p *peak) serve(n int, times map[string]time.Duration) map[string]int {
	counts := make(map[string]int)
	for range n {
		l := p.take()
		time.Sleep(times[l.Server.Name])
		counts[l.Server.Name]++
		l.Reached()
		l.Answered()
		l.Release(pool.Served)
	}
	return counts
}

// A slow server gets few connections; one that fails to connect counts as slow, too.
func TestPeakEWMASlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeak(t, new(pool.Registry), weighted([]int{1, 1, 1}, nil)...)
		times := map[string]time.Duration{"A": time.Millisecond, "B": 100 * time.Millisecond, "C": time.Millisecond}
		if got := p.serve(1000, times); got["B"] > 20 {
			t.Errorf("%v, and B is slow", got)
		}
		failed := 0
		for range 300 {
			l := p.take()
			time.Sleep(time.Millisecond)
			if l.Server.Name == "A" {
				failed++
				l.Release(pool.ConnectFailed)
				continue
			}
			l.Reached()
			l.Answered()
			l.Release(pool.Served)
		}
		if failed > 20 {
			t.Errorf("A has got %d of 300 connections, and all of them failed", failed)
		}
		p.Close()
	})
}

// A new server gets one connection until it has responded, and a server that has come back, too.
func TestPeakEWMANew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeak(t, new(pool.Registry), weighted([]int{1, 1}, nil)...)
		times := map[string]time.Duration{"A": time.Millisecond, "B": time.Millisecond}
		p.serve(100, times)
		for _, up := range []bool{false, true} {
			if err := p.SetHealth("B", up); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		counts := make(map[string]int)
		var first *pool.Lease
		var held []*pool.Lease
		for range 200 {
			l := p.take()
			if counts[l.Server.Name]++; l.Server.Name == "B" {
				first = l
			}
			held = append(held, l)
		}
		if counts["B"] != 1 {
			t.Errorf("%v, and B has not responded", counts)
		}
		first.Reached()
		first.Answered()
		for range 100 {
			l := p.take()
			counts[l.Server.Name]++
			held = append(held, l)
		}
		if counts["B"] < 20 {
			t.Errorf("%v, and B has responded", counts)
		}
		for _, l := range held {
			l.Release(pool.Served)
		}
		p.Close()
	})
}

// Connections that stay are spread by weight; a full server gets none.
func TestPeakEWMAWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := weighted([]int{1, 3, 1}, nil)
		servers[2].MaxConn = 5
		p := newPeak(t, new(pool.Registry), servers...)
		counts := make(map[string]int)
		var held []*pool.Lease
		for range 405 {
			l := p.take()
			time.Sleep(time.Millisecond)
			l.Reached()
			l.Answered()
			counts[l.Server.Name]++
			held = append(held, l)
		}
		if counts["C"] > 5 || counts["A"] < 80 || counts["A"] > 120 {
			t.Errorf("%v, want about A: 100, B: 300, C: 5", counts)
		}
		for _, l := range held {
			l.Release(pool.Served)
		}
		p.Close()
	})
}

// Response times survive a reload.
func TestPeakEWMAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := new(pool.Registry)
		first := newPeak(t, reg, weighted([]int{1, 1}, nil)...)
		times := map[string]time.Duration{"A": 50 * time.Millisecond, "B": time.Millisecond}
		first.serve(100, times)
		next := newPeak(t, reg, weighted([]int{1, 1, 1}, nil)...)
		first.Close()
		if got := next.policy.times; !got[0].known || got[0].average < float64(10*time.Millisecond) || got[2].known {
			t.Errorf("after the reload: %+v", got)
		}
		next.Close()
	})
}

// load is a simulated load: connections come at random, each waits for the first byte in its
// server's queue of one worker per 10 connections, and stays for a while.
type load struct {
	servers int
	// Means: the work of a connection on a server, the time between connections, and the time that a
	// connection stays after the first byte.
	each, every, stays time.Duration
	// slowness is the factor of the work on a server.
	slowness func(server int, at time.Duration) float64
}

// simulate returns the times to the first byte, sorted.
func (o *load) simulate(t *testing.T, policy pool.Policy, n int) (times []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		var list []pool.ServerConfig
		for i := range o.servers {
			list = append(list, pool.ServerConfig{Name: fmt.Sprint(i), Weight: 1})
		}
		p, err := new(pool.Registry).Open(pool.Config{Backend: "b", Policy: provisioned(t, policy), Servers: list})
		if err != nil {
			t.Fatal(err)
		}
		p.Activate()
		var (
			all     sync.WaitGroup
			mu      sync.Mutex
			workers = make([]chan struct{}, o.servers)
			began   = time.Now()
		)
		for i := range workers {
			workers[i] = make(chan struct{}, 4)
		}
		for range n {
			time.Sleep(time.Duration(rng.ExpFloat64() * float64(o.every)))
			work, stays := rng.ExpFloat64()*float64(o.each), time.Duration(rng.ExpFloat64()*float64(o.stays))
			all.Go(func() {
				came := time.Now()
				l, err := p.Acquire(context.Background(), new(pool.Request))
				if err != nil {
					t.Error(err)
					return
				}
				l.Reached()
				i := l.Server.Index
				workers[i] <- struct{}{}
				time.Sleep(time.Duration(work * o.slowness(i, time.Since(began))))
				<-workers[i]
				l.Answered()
				took := time.Since(came)
				mu.Lock()
				times = append(times, took)
				mu.Unlock()
				time.Sleep(stays)
				l.Release(pool.Served)
			})
		}
		all.Wait()
		p.Close()
	})
	slices.Sort(times)
	return times
}

// TestPeakEWMALoad compares policies under the loads of docs/least-load.md.
func TestPeakEWMALoad(t *testing.T) {
	one := func(factor float64) func(int, time.Duration) float64 {
		return func(server int, _ time.Duration) float64 {
			if server == 0 {
				return factor
			}
			return 1
		}
	}
	for name, o := range map[string]*load{
		"one of 10 is 10 times slower, short connections": {10, 5 * time.Millisecond, 400 * time.Microsecond, 0, one(10)},
		"one of 10 is 10 times slower, long connections":  {10, 5 * time.Millisecond, 400 * time.Microsecond, 2 * time.Second, one(10)},
		"all are alike, long connections":                 {10, 5 * time.Millisecond, 400 * time.Microsecond, 2 * time.Second, one(1)},
		"one of 10 stalls for a second, long connections": {10, 5 * time.Millisecond, 400 * time.Microsecond, 2 * time.Second, func(server int, at time.Duration) float64 {
			if server == 0 && at > 2*time.Second && at < 3*time.Second {
				return 100
			}
			return 1
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p99 := make(map[string]time.Duration)
			for _, policy := range []string{"roundrobin", "leastconn", "random", "peak_ewma"} {
				times := o.simulate(t, known[policy](), 12_000)
				sum := time.Duration(0)
				for _, d := range times {
					sum += d
				}
				p99[policy] = times[len(times)*99/100]
				t.Logf("%-10s mean %8v  p99 %8v", policy, (sum / time.Duration(len(times))).Round(10*time.Microsecond), p99[policy].Round(10*time.Microsecond))
			}
			if limit := p99["leastconn"] * 3 / 2; p99["peak_ewma"] > limit {
				t.Errorf("p99 %v, and leastconn has %v", p99["peak_ewma"], p99["leastconn"])
			}
		})
	}
}

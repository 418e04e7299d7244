// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// openBudget opens a pool of one server with a budget, which may be nil.
func openBudget(t *testing.T, r *Registry, budget *RetryBudget) *Pool {
	t.Helper()
	p, err := r.Open(Config{Backend: "b", Servers: servers("s"), Policy: new(inOrder), RetryBudget: budget})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// connections opens and closes n connections with one attempt each.
func connections(t *testing.T, p *Pool, n int) {
	t.Helper()
	for range n {
		acquire(t, p, new(Request)).Release(ConnectFailed)
	}
}

// granted returns how many of n retries are allowed.
func granted(p *Pool, n int) (retries int) {
	for range n {
		if p.TakeRetry() {
			retries++
		}
	}
	return retries
}

func wantRetries(t *testing.T, when string, p *Pool, want int) {
	t.Helper()
	if got := granted(p, want+1000); got != want {
		t.Errorf("%s: %d retries, want %d", when, got, want)
	}
}

func TestNoRetryBudget(t *testing.T) {
	var reg Registry
	p := openBudget(t, &reg, nil)
	defer p.Close()
	if got := granted(p, 10_000); got != 10_000 {
		t.Errorf("%d retries of 10,000", got)
	}
	if p.backend.Load().attempts != (attemptCounts{}) {
		t.Error("attempts are counted that nobody asks for")
	}
}

// The percentage applies to the last ten seconds; nothing is saved for later.
func TestRetryBudgetPercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p := openBudget(t, &reg, &RetryBudget{Percent: 20})
		defer p.Close()
		wantRetries(t, "before any connection", p, 0)
		connections(t, p, 4)
		wantRetries(t, "after 4 connections", p, 0)
		connections(t, p, 996)
		wantRetries(t, "after 1000 connections", p, 200)
		time.Sleep(5 * time.Second)
		wantRetries(t, "5 s later", p, 0)
		connections(t, p, 50)
		wantRetries(t, "after 50 more", p, 10)
		time.Sleep(5 * time.Second) // the 1000 and their 200 have left the window
		wantRetries(t, "10 s later", p, 0)
		connections(t, p, 5)
		wantRetries(t, "after 5 more", p, 1)
		connections(t, p, 500)
		time.Sleep(9999 * time.Millisecond)
		wantRetries(t, "of the last 505, but for the 1 had", p, 100)
		connections(t, p, 500)
		time.Sleep(time.Hour)
		wantRetries(t, "an hour later", p, 0)
	})
}

func TestRetryBudgetAboveOneHundredPercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p := openBudget(t, &reg, &RetryBudget{Percent: 250})
		defer p.Close()
		connections(t, p, 3)
		wantRetries(t, "after 3 connections", p, 7)
	})
}

// Each second has its minimum, independent of the percentage.
func TestRetryBudgetMinimum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p := openBudget(t, &reg, &RetryBudget{Percent: 20, MinPerSecond: 10})
		defer p.Close()
		wantRetries(t, "in the first second", p, 10)
		time.Sleep(time.Second - time.Nanosecond)
		wantRetries(t, "at its end", p, 0)
		time.Sleep(time.Nanosecond)
		wantRetries(t, "in the second one", p, 10)
		time.Sleep(time.Minute)
		wantRetries(t, "a minute later", p, 10)
		connections(t, p, 100)
		wantRetries(t, "after 100 connections", p, 20)
		time.Sleep(time.Second)
		wantRetries(t, "in the next second", p, 10)
		time.Sleep(time.Second)
		connections(t, p, 100)
		wantRetries(t, "after another 100", p, 30)
	})
}

// A connection counts once, when it gets its first server: neither when it arrives nor with each
// server that it tries.
func TestRetryBudgetCountsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		list := servers("s1", "s2")
		list[0].MaxConn, list[1].MaxConn = 1, 1
		p, err := reg.Open(Config{Backend: "b", Servers: list, Policy: new(roomy), RetryBudget: &RetryBudget{Percent: 100}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		r := new(Request)
		for range 3 {
			acquire(t, p, r).Release(ConnectFailed)
		}
		wantRetries(t, "one connection on 3 servers", p, 1)
		r.Reset()
		a, b := acquire(t, p, r), acquire(t, p, new(Request))
		wantRetries(t, "two more", p, 2)
		done := make(chan *Lease)
		go func() {
			l, err := p.Acquire(context.Background(), new(Request))
			if err != nil {
				t.Error(err)
			}
			done <- l
		}()
		synctest.Wait()
		wantRetries(t, "one that waits", p, 0)
		a.Release(Served)
		c := <-done
		wantRetries(t, "the same, served", p, 1)
		b.Release(Served)
		c.Release(Served)
	})
}

// The counts survive a reload, and the new configuration's budget applies to all, including
// connections of the previous configuration.
func TestRetryBudgetOverReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		old := openBudget(t, &reg, &RetryBudget{Percent: 20, MinPerSecond: 5})
		connections(t, old, 100)
		wantRetries(t, "before", old, 25)
		openBudget(t, &reg, &RetryBudget{Percent: 1000, MinPerSecond: 1000}).Close()
		wantRetries(t, "after a configuration that failed", old, 0)

		next := openBudget(t, &reg, &RetryBudget{Percent: 20, MinPerSecond: 5})
		next.Activate()
		old.Close()
		wantRetries(t, "after a reload", next, 0)
		wantRetries(t, "after it, in the old configuration", old, 0)
		connections(t, next, 10)
		wantRetries(t, "after 10 connections more", old, 2)

		more := openBudget(t, &reg, &RetryBudget{Percent: 30, MinPerSecond: 5})
		more.Activate()
		next.Close()
		wantRetries(t, "with 30 % of 110", more, 33-22)

		off := openBudget(t, &reg, nil)
		off.Activate()
		more.Close()
		if got := granted(more, 1000); got != 1000 {
			t.Errorf("without a budget: %d of 1000 retries", got)
		}
		l := acquire(t, off, new(Request))
		off.Close()
		if !off.TakeRetry() {
			t.Error("no retry for a session that has outlived all configurations")
		}
		l.Release(ConnectFailed)
		wantEmpty(t, &reg)
	})
}

// However connections and their retries interleave, there are exactly as many retries as the budget
// allows.
func TestRetryBudgetUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p := openBudget(t, &reg, &RetryBudget{Percent: 20, MinPerSecond: 10})
		defer p.Close()
		var retries atomic.Int64
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				l, err := p.Acquire(context.Background(), new(Request))
				if err != nil {
					t.Error(err)
					return
				}
				defer l.Release(ConnectFailed)
				for range 3 {
					if !p.TakeRetry() {
						return
					}
					retries.Add(1)
				}
			})
		}
		group.Wait()
		if got := retries.Load(); got != 210 {
			t.Errorf("%d retries of 1000 connections, want 210", got)
		}
	})
}

// The windows agree with a list of all events.
func TestRetryBudgetModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := RetryBudget{Percent: rapid.IntRange(1, 1000).Draw(t, "percent"), MinPerSecond: rapid.IntRange(0, 3).Draw(t, "min")}
		began := time.Now()
		now, a := began, attemptCounts{}
		a.advance(now)
		var firsts, retries, extra []int // the second of each event
		since := func(list []int, second int) (n int) {
			for _, s := range list {
				if s >= second {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(rapid.OneOf(rapid.Just(time.Duration(0)), rapid.Map(rapid.IntRange(0, 3000), milliseconds), rapid.Map(rapid.IntRange(0, 40_000), milliseconds)).Draw(t, "later"))
			second := int(now.Sub(began) / time.Second)
			if rapid.Bool().Draw(t, "first") {
				a.first(now)
				firsts = append(firsts, second)
				continue
			}
			isExtra := since(extra, second) < budget.MinPerSecond
			want := isExtra || (since(retries, second-9)+1)*100 <= since(firsts, second-9)*budget.Percent
			if got := a.retry(now, budget); got != want {
				t.Fatalf("a retry in second %d: %v, want %v (firsts %v, retries %v, extra %v)", second, got, want, firsts, retries, extra)
			}
			switch {
			case isExtra:
				extra = append(extra, second)
			case want:
				retries = append(retries, second)
			}
		}
	})
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Addresses
		one, mapped, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		l := AddressLimits{Conns: 2, Rate: 5, Period: 10 * time.Second}
		if why, held := a.Enter(one, l); why != Granted || held {
			t.Error("before Configure:", why, held)
		}
		a.Configure(l.Period)
		enter := func(from netip.Addr, want Reason) {
			t.Helper()
			if why, held := a.Enter(from, l); why != want || held != (want == Granted) {
				t.Errorf("%v: %v, held: %v; want %v", from, why, held, want)
			}
		}
		enter(one, Granted)
		enter(mapped, Granted)
		enter(one, PerIP)
		enter(other, Granted)
		a.Leave(mapped)
		enter(one, Granted)
		a.Leave(one)
		enter(one, Granted) // the fifth within 10 s
		a.Leave(one)
		enter(one, RateExceeded)
		a.Configure(20 * time.Second) // the counts continue
		enter(other, Granted)
		enter(other, PerIP)
		time.Sleep(time.Minute)
		enter(one, Granted)
		enter(one, PerIP) // the one of a minute ago is still open
	})
}

// IPv6 clients have at least 64 bits to choose from.
func TestNetwork(t *testing.T) {
	for _, c := range []struct {
		a    string
		bits int
		want string
	}{
		{"192.0.2.1", 64, "192.0.2.1"},
		{"::ffff:192.0.2.1", 64, "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"},
		{"2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::"},
		{"2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"},
		{"fe80::1%eth0", 64, "fe80::"},
	} {
		if got := Network(netip.MustParseAddr(c.a), c.bits); got.String() != c.want {
			t.Errorf("%s/%d: %v, want %s", c.a, c.bits, got, c.want)
		}
	}
}

// What many goroutines enter and leave at once is counted exactly.
func TestAddressesTogether(t *testing.T) {
	var a Addresses
	a.Configure(time.Second)
	from := netip.MustParseAddr("2001:db8::1")
	l := AddressLimits{Conns: 5}
	var open, most atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if _, held := a.Enter(from, l); !held {
					continue
				}
				for n := open.Add(1); ; {
					if before := most.Load(); n <= before || most.CompareAndSwap(before, n) {
						break
					}
				}
				open.Add(-1)
				a.Leave(from)
			}
		})
	}
	wg.Wait()
	if most.Load() > 5 {
		t.Errorf("%d were open at once", most.Load())
	}
	for range 5 {
		if _, held := a.Enter(from, l); !held {
			t.Fatal("something has not been left")
		}
	}
	if why, _ := a.Enter(from, l); why != PerIP {
		t.Errorf("a sixth: %v", why)
	}
}

// Each reason has at most a line in a second, with the number since the one before, and no refused
// connection is missing in the lines.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Refusals
		var mu sync.Mutex
		lines, sum := make(map[Reason]int), make(map[Reason]int64)
		r.LogBy(func(why Reason, n int64) {
			mu.Lock()
			defer mu.Unlock()
			lines[why]++
			sum[why] += n
		})
		for range 100 {
			r.Add(PerIP)
			r.Add(PerIP)
			time.Sleep(30 * time.Millisecond)
		}
		r.Add(RateExceeded)
		time.Sleep(10 * time.Second)
		seen := func(why Reason) (int, int64) {
			mu.Lock()
			defer mu.Unlock()
			return lines[why], sum[why]
		}
		if n, all := seen(PerIP); n < 3 || n > 5 || all != 200 {
			t.Errorf("per_ip: %d lines with %d", n, all)
		}
		if n, all := seen(RateExceeded); n != 1 || all != 1 {
			t.Errorf("rate: %d lines with %d", n, all)
		}
		var other atomic.Int64 // in the log of another configuration, while lines are paced
		r.Add(UnfinishedHellos)
		r.Add(UnfinishedHellos)
		r.LogBy(func(_ Reason, n int64) { other.Add(n) })
		time.Sleep(2 * time.Second)
		if n, all := seen(UnfinishedHellos); n != 1 || all != 1 || other.Load() != 1 {
			t.Errorf("%d lines with %d in the log before, %d in the other", n, all, other.Load())
		}
		r.Add(RateExceeded)
		if other.Load() != 2 {
			t.Error("no line after a pause")
		}
		if got := r.Counts(); len(got) != 3 || got["per_ip"] != 200 || got["rate"] != 2 {
			t.Errorf("counts %v", got)
		}
		time.Sleep(2 * time.Second) // for the last timer
	})
}

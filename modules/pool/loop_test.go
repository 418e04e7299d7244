// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The counter is HAProxy's: it starts at rise; one failure there takes the server down, a success
// at rise or above takes it to the top.
func TestRiseFallCounter(t *testing.T) {
	for _, c := range []struct {
		script string
		init   InitState
		want   string
	}{
		{"+", InitUp, "up3/3"},
		{"-", InitUp, "down0/2"},
		{"+---", InitUp, "up3/3 up2/3 up1/3 down0/2"},
		{"+--+---", InitUp, "up3/3 up2/3 up1/3 up3/3 up2/3 up1/3 down0/2"},
		{"-+-++", InitUp, "down0/2 down1/2 down0/2 down1/2 up3/3"},
		{"---", InitFullyUp, "up2/3 up1/3 down0/2"},
		{"+", InitDown, "up3/3"},
		{"-++", InitDown, "down0/2 down1/2 up3/3"},
		{"++", InitFullyDown, "down1/2 up3/3"},
		{"!+", InitUp, "down0/2 down1/2"},
		{"s-", InitFullyUp, "up3/3 up2/3"},
		{"d-", InitFullyUp, "up3/3 up2/3"},
		{"d+", InitFullyDown, "down0/2 down1/2"},
		{"s-+", InitUp, "up1/3 down0/2 down1/2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var reg Registry
			s := ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(script(c.script)), Init: c.init}}
			p, _ := serving(t, &reg, s)
			defer p.Close()
			if got := counters(&reg, "s", len(strings.Fields(c.want))); got != c.want {
				t.Errorf("%s from %d: %s, want %s", c.script, c.init, got, c.want)
			}
		})
	}
}

// Checks of one server do not overlap and keep their rhythm, however long they take; each state has
// its own interval.
func TestCheckIntervals(t *testing.T) {
	ms := func(all ...int) (out []time.Duration) {
		for _, n := range all {
			out = append(out, time.Duration(n)*time.Millisecond)
		}
		return out
	}
	for name, c := range map[string]struct {
		script     string
		fast, down int
		timeout    int
		want       []time.Duration
	}{
		"steady":                      {"+", 0, 0, 1000, ms(0, 1000, 2000, 3000)},
		"fast at the start":           {"+", 100, 0, 1000, ms(0, 1000, 2000)},
		"fast while it fails":         {"+--+", 100, 0, 1000, ms(0, 1000, 1100, 1200, 2200)},
		"down":                        {"-", 100, 3000, 1000, ms(0, 3000, 6000)},
		"down, and rising":            {"-+", 100, 3000, 1000, ms(0, 3000, 3100, 4100)},
		"an interval long":            {".", 0, 0, 1000, ms(0, 2000, 4000)},
		"longer than an interval":     {".", 0, 0, 1500, ms(0, 2000, 4000)},
		"shorter, keeps the rhythm":   {".", 0, 0, 900, ms(0, 1000, 2000)},
		"long while it is down":       {".", 0, 3000, 1000, ms(0, 3000, 6000)},
		"without a fast one it is it": {"+--", 0, 0, 1000, ms(0, 1000, 2000, 3000)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reg Registry
				checker := script(c.script)
				check := checked(checker)
				check.FastInterval, check.DownInterval = time.Duration(c.fast)*time.Millisecond, time.Duration(c.down)*time.Millisecond
				check.Target.Timeout = time.Duration(c.timeout) * time.Millisecond
				p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: check}})
				time.Sleep(c.want[len(c.want)-1] + time.Millisecond)
				p.Close()
				synctest.Wait()
				if got := checker.seen(); !slices.Equal(got, c.want) {
					t.Errorf("at %v, want %v", got, c.want)
				}
			})
		})
	}
}

// The checks of many servers are spread evenly over the interval, and stay so.
func TestChecksAreSpread(t *testing.T) {
	for _, servers := range []int{200, 1000} {
		synctest.Test(t, func(t *testing.T) {
			const seconds, window = 10, 100 * time.Millisecond
			var reg Registry
			all, configs := make([]*scripted, servers), make([]ServerConfig, servers)
			for i := range all {
				all[i] = script("+-++-")
				configs[i] = ServerConfig{Name: fmt.Sprint("s", i), HealthConfig: HealthConfig{Check: checked(all[i])}}
			}
			p, _ := serving(t, &reg, configs...)
			time.Sleep(seconds * time.Second)
			p.Close()
			synctest.Wait()
			var times []time.Duration
			for _, c := range all {
				times = append(times, c.seen()...)
			}
			slices.Sort(times)
			mean, first := servers/int(time.Second/window), 0
			for i, at := range times {
				for at-times[first] >= window {
					first++
				}
				if n := i - first + 1; n > mean*5/4 || at > window && n < mean*3/4 {
					t.Fatalf("%d servers: %d checks in 100 ms up to %v, want about %d", servers, n, at, mean)
				}
			}
			if len(times) < servers*seconds {
				t.Errorf("%d servers: %d checks in %d s", servers, len(times), seconds)
			}
		})
	}
}

// With Spread a check comes up to that much of an interval earlier or later, without a shift of the
// rhythm.
func TestRandomSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		checker := script("+")
		check := checked(checker)
		check.Spread = 20
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: check}})
		time.Sleep(100*time.Second + 500*time.Millisecond)
		p.Close()
		synctest.Wait()
		off := make(map[time.Duration]bool)
		for i, at := range checker.seen() {
			d := at - time.Duration(i)*time.Second
			if d.Abs() > 200*time.Millisecond {
				t.Errorf("check %d is %v off", i, d)
			}
			off[d] = true
		}
		if len(off) < 20 {
			t.Errorf("%d different times", len(off))
		}
	})
}

// A reload neither loses the counts nor delays the next check; checks end with the last
// configuration.
func TestChecksOverReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		one, two := script("-+"), script("+")
		first, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(one)}})
		time.Sleep(1900 * time.Millisecond) // two checks
		second, n := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(two)}})
		first.Close()
		synctest.Wait()
		if status, _ := reg.Backend("b"); status.Servers[0].Counter != 1 || !status.Servers[0].Down {
			t.Errorf("after the reload: %+v", status.Servers[0])
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := n.since(); got != "s up 1+0, server again 1+0" {
			t.Errorf("after the reload: %q", got)
		}
		if len(one.seen()) != 2 || len(two.seen()) != 1 {
			t.Errorf("%d checks by the first, %d by the second", len(one.seen()), len(two.seen()))
		}
		// A configuration that fails changes nothing.
		third, _ := serving(t, &reg, ServerConfig{Name: "s"})
		third.Close()
		time.Sleep(2 * time.Second)
		if got := len(two.seen()); got < 3 {
			t.Errorf("%d checks: they have ended with a configuration that failed", got)
		}
		second.Close()
		before := len(two.seen())
		time.Sleep(5 * time.Second)
		if after := len(two.seen()); after != before || !reg.Empty() {
			t.Errorf("%d checks after the last configuration", after-before)
		}
	})
}

// A check that is running during a reload counts, unless the server's address has changed; then its
// health starts over.
func TestReloadDuringACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		slow := script(".")
		p, _ := serving(t, &reg, ServerConfig{Name: "s", Address: "a", HealthConfig: HealthConfig{Check: checked(slow)}})
		for range 30 { // each during a check
			time.Sleep(100 * time.Millisecond)
			next, _ := serving(t, &reg, ServerConfig{Name: "s", Address: "a", HealthConfig: HealthConfig{Check: checked(slow)}})
			p.Close()
			p = next
		}
		synctest.Wait()
		status, _ := reg.Backend("b")
		if got := status.Servers[0]; !got.Down || got.Downs != 1 || got.Check.Code != Layer4Timeout {
			t.Errorf("%+v", got)
		}
		next, _ := serving(t, &reg, ServerConfig{Name: "s", Address: "b", HealthConfig: HealthConfig{Check: checked(script("+"))}})
		p.Close()
		defer next.Close()
		if status, _ := reg.Backend("b"); status.Servers[0].Down {
			t.Error("another address is down")
		}
		if got := counters(&reg, "s", 2); got != "up1/3 up3/3" {
			t.Error(got)
		}
	})
}

// The new configuration's rise and fall apply, and the removal of a check, too.
func TestReloadChangesTheCheck(t *testing.T) {
	for _, c := range []struct {
		script     string
		rise, fall int
		want       string
	}{
		{"+", 5, 9, "up9/9"},
		{"+-", 2, 2, "up2/2"},
		{"+-", 2, 4, "up2/4"},
		{"+--", 1, 1, "up1/1"},
		{"-+", 5, 3, "down1/5"},
		{"-", 1, 1, "down0/1"},
		{"-", 0, 0, "up1/1"}, // no check
	} {
		synctest.Test(t, func(t *testing.T) {
			var reg Registry
			p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(script(c.script))}})
			time.Sleep(time.Duration(len(c.script)-1)*time.Second + time.Millisecond)
			synctest.Wait()
			var check *Check
			if c.rise > 0 {
				check = &Check{Checker: script("."), Target: Target{Timeout: time.Hour}, Interval: time.Minute, Rise: c.rise, Fall: c.fall}
			}
			next, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: check}})
			p.Close()
			defer next.Close()
			if got := counters(&reg, "s", 1); got != c.want {
				t.Errorf("%s, then rise %d fall %d: %s, want %s", c.script, c.rise, c.fall, got, c.want)
			}
		})
	}
}

// stubborn is a checker that takes its time, ignores its context, and fails.
type stubborn struct{ now atomic.Int32 }

func (c *stubborn) Check(context.Context, Target) Result {
	if c.now.Add(1) > 1 {
		panic("two checks of one server at once")
	}
	defer c.now.Add(-1)
	time.Sleep(600 * time.Millisecond)
	return Result{Code: Layer7Status}
}

// The result of a check that was aborted because a configuration had none is ignored, and the next
// check waits until it has returned.
func TestAbortedCheckIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		c := new(stubborn)
		with, without := ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(c)}}, ServerConfig{Name: "s"}
		var last *Pool
		for _, config := range []ServerConfig{with, without, with} {
			p, _ := serving(t, &reg, config)
			if last != nil {
				last.Close()
			}
			last = p
			time.Sleep(100 * time.Millisecond)
		}
		defer last.Close()
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if status, _ := reg.Backend("b"); status.Servers[0].Down {
			t.Errorf("what was broken off counts: %+v", status.Servers[0])
		}
		time.Sleep(time.Second)
		synctest.Wait()
		status, _ := reg.Backend("b")
		if got := status.Servers[0]; !got.Down || strings.Contains(got.Check.Info, "panic") {
			t.Errorf("after the next check: %+v", got)
		}
	})
}

// The result of a check that was running when maintenance began is ignored.
func TestMaintenanceDuringACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(new(stubborn))}})
		defer p.Close()
		time.Sleep(100 * time.Millisecond)
		if err := p.SetAdmin("s", Maint); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		status, _ := reg.Backend("b")
		if got := status.Servers[0]; got.Down || got.Downs > 0 || !got.Check.At.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

// A shorter interval applies from the reload on.
func TestReloadShortensTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		c := script("+")
		slow := checked(c)
		slow.Interval = time.Hour
		first, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: slow}})
		time.Sleep(time.Second)
		second, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(c)}})
		first.Close()
		defer second.Close()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := len(c.seen()); n < 5 {
			t.Errorf("%d checks in 5 s of an interval of 1 s", n)
		}
	})
}

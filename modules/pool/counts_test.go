// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// Counts of a server go on when a configuration brings it back.
func TestCountsComeBack(t *testing.T) {
	var reg Registry
	open := func() *Pool {
		p, err := reg.Open(Config{Backend: "web", Servers: []ServerConfig{{Name: "s", Weight: 1}}, Policy: new(inOrder)})
		if err != nil {
			t.Fatal(err)
		}
		p.Activate()
		return p
	}
	for n := range uint64(3) {
		p := open()
		l, err := p.Acquire(t.Context(), new(Request))
		if err != nil {
			t.Fatal(err)
		}
		p.Retried(l.Server, n == 1)
		lane := tally.Enter()
		l.Server.Traffic().In(lane).In += 5
		p.Traffic().In(lane).Out += 7
		lane.Leave()
		l.Release(ConnectFailed)
		b, _ := reg.Backend("web")
		s := b.Servers[0]
		if s.Taken != n+1 || s.Failed != n+1 || s.Traffic.In != int64(5*(n+1)) || s.MaxSessions != 1 || s.Retries+s.Redispatches != n+1 {
			t.Errorf("server: %+v", s)
		}
		if b.Taken != n+1 || b.Traffic.Out != int64(7*(n+1)) || b.Retries+b.Redispatches != n+1 || b.LastTaken.IsZero() {
			t.Errorf("backend: %+v", b.Totals)
		}
		p.Close()
		if _, serves := reg.Backend("web"); serves {
			t.Fatal("the backend is still there")
		}
		runtime.GC()
	}
}

// No more than keptCounts are kept of servers that nothing uses.
func TestCountsAreBounded(t *testing.T) {
	var c countsByName
	for i := range 3 * keptCounts {
		c.get(Ref{"web", strconv.Itoa(i)})
	}
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		c.mu.Lock()
		n := len(c.all)
		c.mu.Unlock()
		if n <= keptCounts {
			break
		}
		if time.Now().After(over) {
			t.Fatalf("counts of %d servers are kept, want %d", n, keptCounts)
		}
	}
}

// The time that a server is down, or in maintenance, is added up, as is that of a backend without a
// usable server; failed checks of a server that is down do it no harm.
func TestDownTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(script("----++")), Init: InitFullyUp}})
		defer p.Close()
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		b, _ := reg.Backend("b")
		s := b.Servers[0]
		if want := (CheckCounts{Passed: 2, Failed: 4, Harmful: 3}); s.Checks != want || s.Downs != 1 || s.DownTime != 3*time.Second {
			t.Errorf("checks %+v, down %d times for %v", s.Checks, s.Downs, s.DownTime)
		}
		if b.Downs != 1 || b.DownTime != 3*time.Second || b.Since.IsZero() || b.Down {
			t.Errorf("the backend was down %d times for %v since %v", b.Downs, b.DownTime, b.Since)
		}
	})
}

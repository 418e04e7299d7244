// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The administrative state and health are independent. In maintenance a server is not checked;
// afterwards it is up until a check says otherwise.
func TestAdminAndHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		checker := script("+---+++--+++")
		p, n := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(checker)}}, ServerConfig{Name: "t", Backup: true})
		defer p.Close()
		expect := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := n.since(); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		set := func(a Admin) {
			t.Helper()
			if err := p.SetAdmin("s", a); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(1500 * time.Millisecond)
		expect("one failure", "")
		set(Drain)
		expect("drain", "s drain 0+1")
		time.Sleep(2 * time.Second)
		expect("it fails while it drains", "s down 0+1")
		set(Maint)
		expect("maint", "s maint 0+1")
		before := len(checker.seen())
		time.Sleep(5 * time.Second)
		if after := len(checker.seen()); after != before {
			t.Errorf("%d checks in maintenance", after-before)
		}
		set(Ready)
		expect("ready", "s maint over 1+1")
		set(Maint)
		if err := p.SetHealth("s", false); err != nil {
			t.Fatal(err)
		}
		set(Drain)
		expect("maint and drain", "s maint 0+1, s maint over 0+1")
		set(Ready)
		expect("ready again", "s drain over 1+1")
		time.Sleep(4 * time.Second)
		expect("three passed", "")
		if err := p.SetHealth("s", false); err != nil {
			t.Fatal(err)
		}
		expect("set down", "s down 0+1")
		time.Sleep(5 * time.Second)
		expect("checks bring it up", "s up 1+1")
		if err := p.SetHealth("t", false); err != nil {
			t.Fatal(err)
		}
		set(Maint)
		expect("nobody is left", "t down 1+0, s maint 0+0, no server 0+0")
		if err := p.SetHealth("t", true); err != nil {
			t.Fatal(err)
		}
		expect("the backup", "t up 0+1, server again 0+1")
	})
}

// A server follows the condition of the server that it tracks, over chains, backends and reloads.
func TestTrackedConditionIsInherited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		open := func(name string, servers ...ServerConfig) (*Pool, *told) {
			n := new(told)
			for i := range servers {
				servers[i].Weight = 1
			}
			p, err := reg.Open(Config{Backend: name, Policy: new(inOrder), Servers: servers, Notify: n.note})
			if err != nil {
				t.Fatal(err)
			}
			p.Activate()
			return p, n
		}
		track := func(s string) HealthConfig { return HealthConfig{Track: Ref{"a", s}} }
		b, nb := open("b", ServerConfig{Name: "s", HealthConfig: track("s")}, ServerConfig{Name: "t"})
		a, _ := open("a", ServerConfig{Name: "s"})
		c, nc := open("c", ServerConfig{Name: "s", HealthConfig: HealthConfig{Track: Ref{"b", "s"}}})
		for _, step := range []struct {
			what    string
			do      func() error
			b, c    string
			refused error
		}{
			{"nothing yet", func() error { return nil }, "", "", nil},
			{"down", func() error { return a.SetHealth("s", false) }, "s down 1+0", "s down 0+0, no server 0+0", nil},
			{"up", func() error { return a.SetHealth("s", true) }, "s up 2+0", "s up 1+0, server again 1+0", nil},
			{"drain", func() error { return a.SetAdmin("s", Drain) }, "s drain 1+0", "s drain 0+0, no server 0+0", nil},
			{"maint", func() error { return a.SetAdmin("s", Maint) }, "s maint 1+0", "s maint 0+0", nil},
			{"ready", func() error { return a.SetAdmin("s", Ready) }, "s maint over 2+0", "s maint over 1+0, server again 1+0", nil},
			{"its own state counts, too", func() error { return b.SetAdmin("s", Drain) }, "s drain 1+0", "s drain 0+0, no server 0+0", nil},
			{"and is over", func() error { return b.SetAdmin("s", Ready) }, "s drain over 2+0", "s drain over 1+0, server again 1+0", nil},
			{"its own health does not", func() error { return b.SetHealth("s", false) }, "", "", ErrTracks},
		} {
			if err := step.do(); !errors.Is(err, step.refused) {
				t.Errorf("%s: %v", step.what, err)
			}
			if got := nb.since(); got != step.b {
				t.Errorf("%s: b is told %q, want %q", step.what, got, step.b)
			}
			if got := nc.since(); got != step.c {
				t.Errorf("%s: c is told %q, want %q", step.what, got, step.c)
			}
		}
		_ = a.SetHealth("s", false)
		// A backend that is opened later inherits the state.
		d, nd := open("d", ServerConfig{Name: "s", HealthConfig: track("s")})
		if got := nd.since(); got != "s down 0+0, no server 0+0" {
			t.Errorf("who comes later is told %q", got)
		}
		// A server that no longer tracks is up again.
		_ = nb.since()
		free, nf := open("b", ServerConfig{Name: "s"}, ServerConfig{Name: "t"})
		b.Close()
		_ = a.SetHealth("s", true)
		_ = a.SetHealth("s", false)
		if got := nf.since(); got != "s up 2+0" {
			t.Errorf("who tracks no more is told %q", got)
		}
		for _, p := range []*Pool{a, c, d, free} {
			p.Close()
		}
		if len(reg.trackers) != 0 {
			t.Errorf("trackers left: %v", reg.trackers)
		}
	})
}

// Sessions end with their server, or when their backup is no longer needed, if configured so;
// sessions that have ended are not notified.
func TestEvictions(t *testing.T) {
	for _, c := range []struct {
		what   string
		down   bool // EvictOnDown
		up     bool // EvictBackupsOnUp
		do     func(*Pool) error
		s, bak EvictReason
	}{
		{"down", true, false, func(p *Pool) error { return p.SetHealth("s", false) }, EvictMarkedDown, NotEvicted},
		{"maint", true, false, func(p *Pool) error { return p.SetAdmin("s", Maint) }, EvictMarkedDown, NotEvicted},
		{"drain", true, false, func(p *Pool) error { return p.SetAdmin("s", Drain) }, NotEvicted, NotEvicted},
		{"down, not wanted", false, false, func(p *Pool) error { return p.SetHealth("s", false) }, NotEvicted, NotEvicted},
		{"up", true, true, func(p *Pool) error { return p.SetHealth("t", true) }, NotEvicted, EvictBackupSpare},
		{"up, not wanted", true, false, func(p *Pool) error { return p.SetHealth("t", true) }, NotEvicted, NotEvicted},
		{"up with weight 0", true, true, func(p *Pool) error {
			return errors.Join(p.SetWeight("t", 0), p.SetHealth("t", true))
		}, NotEvicted, NotEvicted},
		{"drain over", true, true, func(p *Pool) error {
			return errors.Join(p.SetAdmin("t", Drain), p.SetHealth("t", true), p.SetAdmin("t", Ready))
		}, NotEvicted, EvictBackupSpare},
		{"a backup that is up", true, true, func(p *Pool) error { return p.SetHealth("bak2", true) }, NotEvicted, NotEvicted},
	} {
		var reg Registry
		care := HealthConfig{EvictOnDown: c.down, EvictBackupsOnUp: c.up}
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: care}, ServerConfig{Name: "t", HealthConfig: care},
			ServerConfig{Name: "bak", Backup: true}, ServerConfig{Name: "bak2", Backup: true, HealthConfig: care})
		_, _ = p.SetHealth("t", false), p.SetHealth("bak2", false)
		take := func(server string) *Lease {
			r := new(Request)
			for _, s := range p.Servers() {
				if s.Name != server {
					r.Avoid(s)
				}
			}
			b := p.lock()
			defer b.unlock()
			b.busy++
			return b.take(p.Servers()[slices.IndexFunc(p.Servers(), func(s *Server) bool { return s.Name == server })], r, time.Now())
		}
		over, one, late, bak := take("s"), take("s"), take("s"), take("bak")
		var told []EvictReason
		over.OnEvict(HolderFunc(func(EvictReason) { t.Errorf("%s: who has ended is told", c.what) }))
		over.Release(Served)
		one.OnEvict(HolderFunc(func(why EvictReason) { told = append(told, why) }))
		if err := c.do(p); err != nil {
			t.Fatal(err)
		}
		if one.Evicted() != c.s || late.Evicted() != c.s || bak.Evicted() != c.bak || len(told) != map[bool]int{true: 1}[c.s != NotEvicted] {
			t.Errorf("%s: %d %d, and the backup %d; told %v", c.what, one.Evicted(), late.Evicted(), bak.Evicted(), told)
		}
		late.OnEvict(HolderFunc(func(why EvictReason) { told = append(told, why) }))
		if c.s != NotEvicted && !slices.Equal(told, []EvictReason{c.s, c.s}) {
			t.Errorf("%s: told %v", c.what, told)
		}
		for _, l := range []*Lease{one, late, bak} {
			l.Release(Served)
		}
		p.Close()
		if !reg.Empty() {
			t.Errorf("%s: the registry is not empty", c.what)
		}
	}
}

// A request that waits for a server that goes down moves elsewhere, and the event counts it.
func TestRequeuedWhenServerGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		events := make(chan Event, 10)
		p, err := reg.Open(Config{Backend: "b", Policy: new(firstUsable), Redispatch: true, Notify: func(e Event) { events <- e }, Servers: []ServerConfig{
			{Name: "s", Weight: 1, MaxConn: 1}, {Name: "t", Weight: 1},
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		lease, err := p.Acquire(t.Context(), new(Request))
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 3)
		for range 3 {
			go func() {
				l, err := p.Acquire(t.Context(), new(Request))
				if err != nil {
					got <- err.Error()
					return
				}
				got <- l.Server.Name
				l.Release(Served)
			}()
		}
		synctest.Wait()
		if err := p.SetHealth("s", false); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if s := <-got; s != "t" {
				t.Errorf("served by %s", s)
			}
		}
		if e := <-events; e.Kind != ServerDown || e.Requeued != 3 || e.Sessions != 1 || e.Queued != 0 || e.Active != 1 {
			t.Errorf("%+v", e)
		}
		if err := p.SetHealth("s", true); err != nil {
			t.Fatal(err)
		}
		if e := <-events; e.Kind != ServerUp || e.Requeued != 0 {
			t.Errorf("%+v", e)
		}
		lease.Release(Served)
	})
}

// firstUsable picks the first server, full or not.
type firstUsable struct{}

func (*firstUsable) Pick(v View, _ *Request) *Server { return v.Servers[0] }

// Only the last transitions are kept.
func TestEventHistoryIsBounded(t *testing.T) {
	var reg Registry
	p, _ := serving(t, &reg, ServerConfig{Name: "s"}, ServerConfig{Name: "t"})
	defer p.Close()
	for range maxEvents {
		_ = p.SetHealth("s", false)
		_ = p.SetHealth("s", true)
	}
	_ = p.SetAdmin("t", Drain)
	status, _ := reg.Backend("b")
	if n := len(status.Events); n != maxEvents || status.Events[maxEvents-1].Kind != DrainStarted || status.Events[maxEvents-2].Kind != ServerUp || status.Events[0].Kind != ServerUp {
		t.Errorf("%d events, the first %d, the last %d", n, status.Events[0].Kind, status.Events[n-1].Kind)
	}
	if s := status.Servers[0]; s.Downs != maxEvents || s.Down || s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
}

// Changed results of checks are reported, but not kept among the transitions.
func TestCheckChangesAreNoTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			reg  Registry
			mu   sync.Mutex
			news []string
		)
		p, err := reg.Open(Config{Backend: "b", Policy: new(inOrder), Notify: func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == CheckChanged {
				news = append(news, fmt.Sprintf("%s %d/%d %v", string(e.Result.Code), e.Counter, e.Of, e.Down))
			}
		}, Servers: []ServerConfig{{Name: "s", Weight: 1, HealthConfig: HealthConfig{Check: checked(script("++-+--"))}}}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.Activate()
		time.Sleep(4500 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		want := []string{"L4OK 3/3 false", "L4CON 2/3 false", "L4OK 3/3 false", "L4CON 2/3 false"}
		if !slices.Equal(news, want) {
			t.Errorf("%q, want %q", news, want)
		}
		if status, _ := reg.Backend("b"); len(status.Events) != 0 {
			t.Errorf("transitions: %+v", status.Events)
		}
	})
}

func TestRunningIsAfterSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p, _ := serving(t, &reg, ServerConfig{Name: "s", SlowStart: 2 * time.Second})
		defer p.Close()
		s := p.Servers()[0]
		if !p.Running(s) {
			t.Error("it does not run at first")
		}
		_ = p.SetHealth("s", false)
		if p.Running(s) {
			t.Error("it runs while it is down")
		}
		_ = p.SetHealth("s", true)
		if p.Running(s) {
			t.Error("it runs while it starts slowly")
		}
		time.Sleep(3 * time.Second)
		if !p.Running(s) {
			t.Error("it does not run after its slow start")
		}
	})
}

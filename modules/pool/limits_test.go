// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The limit grows with the load of the backend as in HAProxy.
func TestDynamicLimit(t *testing.T) {
	for _, c := range []struct{ minconn, maxconn, fullconn, busy, want int }{
		{0, 0, 0, 7, 0},
		{0, 5, 0, 1, 5},
		{0, 5, 10, 1, 5},
		{3, 0, 10, 1, 3},
		{7, 5, 10, 1, 7},
		{5, 5, 10, 1, 5},
		{1, 10, 10, 1, 1},
		{1, 10, 10, 9, 9},
		{1, 10, 10, 10, 10},
		{1, 10, 10, 11, 10},
		{2, 10, 100, 1, 2},
		{2, 10, 100, 29, 2},
		{2, 10, 100, 30, 3},
		{2, 10, 100, 39, 3},
		{2, 10, 100, 99, 9},
		{2, 10, 0, 1, 10},
	} {
		var reg Registry
		p, err := reg.Open(Config{Backend: "b", FullConn: c.fullconn, Policy: new(inOrder), Servers: []ServerConfig{{Name: "s", Weight: 1, MinConn: c.minconn, MaxConn: c.maxconn}}})
		if err != nil {
			t.Fatal(err)
		}
		p.Activate()
		p.backend.Load().busy = c.busy
		if got := p.Servers()[0].limit(); got != c.want {
			t.Errorf("minconn %d, maxconn %d, fullconn %d, %d connections: %d, want %d", c.minconn, c.maxconn, c.fullconn, c.busy, got, c.want)
		}
	}
}

// Ids are assigned as in HAProxy.
func TestServerIDs(t *testing.T) {
	for given, want := range map[string]string{
		"0 0 0": "1 2 3", "20 0 0": "20 2 3", "0 1 3 0 0": "2 1 3 5 6", "0 4000 0": "1 4000 3", "2 0 0": "2 3 4", "0 0 1": "2 3 1",
	} {
		var (
			configs []ServerConfig
			got     []string
		)
		for i, word := range strings.Fields(given) {
			var id int
			_, _ = fmt.Sscan(word, &id)
			configs = append(configs, ServerConfig{Name: fmt.Sprint(i), ID: id})
		}
		servers, err := newServers(nil, configs)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			got = append(got, fmt.Sprint(s.ID))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, want %s", given, text, want)
		}
	}
	if _, err := newServers(nil, []ServerConfig{{Name: "a", ID: 7}, {Name: "b", ID: 7}}); err == nil {
		t.Error("two servers have one id")
	}
}

// The share and the limit of a server that has come back grow each second, and queued requests get
// the new slots although no connection comes or goes.
func TestSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p, err := reg.Open(Config{Backend: "b", Policy: new(inOrder), Servers: []ServerConfig{{Name: "s", Weight: 3, MaxConn: 8, SlowStart: 3500 * time.Millisecond}}})
		if err != nil {
			t.Fatal(err)
		}
		p.Activate()
		state := func() string {
			b := p.lock()
			defer b.unlock()
			return fmt.Sprintf("share %d limit %d", b.view.Shares[0], b.pool.Servers()[0].limit())
		}
		if got := state(); got != "share 48 limit 8" {
			t.Errorf("when the process begins: %s", got)
		}
		for _, up := range []bool{false, true, true} {
			if err := p.SetHealth("s", up); err != nil {
				t.Fatal(err)
			}
		}
		got := make(chan string, 8)
		for i := range 8 {
			go func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				l := acquire(t, p, new(Request))
				got <- time.Now().Format("05")
				time.Sleep(time.Minute)
				l.Release(Served)
			}()
		}
		var seen []string
		for range 6 {
			time.Sleep(10 * time.Millisecond)
			seen = append(seen, fmt.Sprintf("%s, %d served", state(), p.Servers()[0].Sessions()))
			time.Sleep(990 * time.Millisecond)
		}
		want := []string{
			"share 3 limit 1, 1 served", "share 15 limit 2, 2 served", "share 27 limit 4, 4 served",
			"share 39 limit 6, 6 served", "share 48 limit 8, 8 served", "share 48 limit 8, 8 served",
		}
		if a, b := strings.Join(seen, "\n"), strings.Join(want, "\n"); a != b {
			t.Errorf("got\n%s\nwant\n%s", a, b)
		}
		time.Sleep(2 * time.Minute)
		p.Close()
		wantEmpty(t, &reg)
	})
}

// A weight or state that was set at run time lasts until the configured value changes.
func TestRunTimeSettingsLast(t *testing.T) {
	var reg Registry
	load := func(c ServerConfig) *Pool {
		c.Name = "s"
		p, err := reg.Open(Config{Backend: "b", Policy: new(inOrder), Servers: []ServerConfig{c}})
		if err != nil {
			t.Fatal(err)
		}
		p.Activate()
		return p
	}
	weight := func(p *Pool) string {
		b := p.lock()
		defer b.unlock()
		if len(b.view.Weights) == 0 {
			return "out"
		}
		return fmt.Sprint(b.view.Weights[0])
	}
	a := load(ServerConfig{Weight: 3})
	expect := func(step, want string, p *Pool) {
		t.Helper()
		if got := weight(p); got != want {
			t.Errorf("%s: %s, want %s", step, got, want)
		}
	}
	_ = a.SetWeight("s", 7)
	expect("set", "7", a)
	b := load(ServerConfig{Weight: 3})
	a.Close()
	expect("the same configuration again", "7", b)
	c := load(ServerConfig{Weight: 4})
	b.Close()
	expect("another weight", "4", c)
	_ = c.SetAdmin("s", Drain)
	expect("drained", "out", c)
	d := load(ServerConfig{Weight: 4})
	c.Close()
	expect("still drained", "out", d)
	e := load(ServerConfig{Weight: 4, Disabled: true})
	d.Close()
	f := load(ServerConfig{Weight: 4})
	e.Close()
	expect("enabled by the configuration", "4", f)
	for _, err := range []error{f.SetWeight("s", 257), f.SetWeight("s", -1), f.SetWeight("t", 1), f.SetAdmin("t", Ready), f.SetHealth("t", true)} {
		if err == nil {
			t.Error("a wrong weight or server was taken")
		}
	}
	f.Close()
	wantEmpty(t, &reg)
}

// Each request without a lease gets the right error.
func TestAcquireErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p, err := reg.Open(Config{Backend: "b", QueueTimeout: time.Second, Policy: anyServer{}, Servers: []ServerConfig{{Name: "s", Weight: 1, MaxConn: 1, MaxQueue: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		held := acquire(t, p, new(Request))
		waiting := make(chan error)
		var r Request
		go func() {
			_, err := p.Acquire(context.Background(), &r)
			waiting <- err
		}()
		synctest.Wait()
		var full Request
		if _, err := p.Acquire(context.Background(), &full); !errors.Is(err, ErrQueueFull) || full.Queued.For != p.Servers()[0] || full.Queued.Server != 0 {
			t.Errorf("got %v, %+v", err, full.Queued)
		}
		if err := <-waiting; !errors.Is(err, ErrQueueTimeout) || r.Queued.For != p.Servers()[0] || r.Queued.Server != 1 || r.Queued.Time != time.Second {
			t.Errorf("got %v, %+v", err, r.Queued)
		}
		if n := p.Waiting(); n != 0 {
			t.Errorf("%d wait", n)
		}
		held.Release(Served)
		p.Close()
		wantEmpty(t, &reg)
	})
}

// A place counts the requests served before, and the request itself.
func TestQueuePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		p, err := reg.Open(Config{Backend: "b", Policy: new(roomy), Servers: []ServerConfig{{Name: "s", Weight: 1, MaxConn: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		first := acquire(t, p, new(Request))
		places := make(chan string, 3)
		for i := range 3 {
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				var r Request
				l := acquire(t, p, &r)
				places <- fmt.Sprint(i, r.Queued.Server, r.Queued.Backend, r.Queued.Time)
				l.Release(Served)
			}()
		}
		time.Sleep(10 * time.Second)
		first.Release(Served)
		for _, want := range []string{"0 0 1 10s", "1 0 2 9s", "2 0 3 8s"} {
			if got := <-places; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		p.Close()
	})
}

// roomy picks the first server with a free slot.
type roomy struct{}

func (*roomy) Pick(v View, r *Request) *Server {
	for _, s := range v.Servers {
		if s.CanServe() && !r.Avoids(s) {
			return s
		}
	}
	return nil
}

// With LastResort a backup serves a connection that has failed on all other servers. If only
// backups are usable, one serves in any case.
func TestLastResort(t *testing.T) {
	for _, tt := range []struct {
		lastResort, disabled bool
		want                 string
	}{{false, false, "a"}, {true, false, "ayz"}, {false, true, "y"}, {true, true, "y"}} {
		var reg Registry
		p, err := reg.Open(Config{Backend: "b", LastResort: tt.lastResort, Policy: new(roomy), Servers: []ServerConfig{
			{Name: "a", Weight: 1, Disabled: tt.disabled}, {Name: "x", Weight: 1, Backup: true, Disabled: true}, {Name: "y", Weight: 1, Backup: true}, {Name: "z", Weight: 1, Backup: true},
		}})
		if err != nil {
			t.Fatal(err)
		}
		var (
			r   Request
			got string
		)
		for {
			l, err := p.Acquire(context.Background(), &r)
			if err != nil {
				break
			}
			got += l.Server.Name
			l.Release(ConnectFailed)
			r.Avoid(l.Server)
		}
		if got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
		p.Close()
	}
}

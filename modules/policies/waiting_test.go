// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// waiting is a backend whose servers A and B are full, with three waiting requests.
type waiting struct {
	t      *testing.T
	reg    pool.Registry
	pool   *pool.Pool
	leases []*pool.Lease
	served chan string
}

func (w *waiting) config(servers ...pool.ServerConfig) pool.Config {
	c := pool.Config{Backend: "b", Policy: new(LeastConn), Redispatch: true, Servers: []pool.ServerConfig{
		{Name: "A", Weight: 1, MaxConn: 1, MaxQueue: 1}, {Name: "B", Weight: 1, MaxConn: 1, MaxQueue: 1},
	}}
	c.Servers = append(c.Servers, servers...)
	return c
}

func (w *waiting) load(c pool.Config) {
	p, err := w.reg.Open(c)
	if err != nil {
		w.t.Fatal(err)
	}
	p.Activate()
	if w.pool != nil {
		w.pool.Close()
	}
	w.pool = p
}

func (w *waiting) change(server string, c pool.Change) {
	if _, err := w.reg.Change("b", server, c); err != nil {
		w.t.Fatal(err)
	}
}

// Requests that wait under leastconn are served by the first server with a free slot, oldest first,
// for whatever reason the slot is free, also with maxqueue.
func TestQueuedRequestsGetFirstFreeServer(t *testing.T) {
	c := pool.ServerConfig{Name: "C", Weight: 1, MaxConn: 1, MaxQueue: 1}
	with := func(f func(*pool.ServerConfig)) pool.ServerConfig {
		other := c
		f(&other)
		return other
	}
	ready, two := pool.Ready, 2
	for _, tt := range []struct {
		name  string
		third pool.ServerConfig
		room  func(w *waiting)
		want  string
	}{
		{"a connection ends", with(func(s *pool.ServerConfig) { s.Disabled = true }), func(w *waiting) { w.leases[1].Release(pool.Served) }, "0B"},
		{"a server leaves maintenance", with(func(s *pool.ServerConfig) { s.Disabled = true }), func(w *waiting) { w.change("C", pool.Change{Admin: &ready}) }, "0C"},
		{"a server gets a weight", with(func(s *pool.ServerConfig) { s.Weight = 0 }), func(w *waiting) { w.change("C", pool.Change{Weight: "1"}) }, "0C"},
		{"a server comes up", c, func(w *waiting) { w.change("C", pool.Change{Health: new(pool.HealthUp)}) }, "0C"},
		{"maxconn is raised", with(func(s *pool.ServerConfig) { s.Disabled = true }), func(w *waiting) { w.change("B", pool.Change{MaxConn: &two}) }, "0B"},
		{"a reload adds a server", with(func(s *pool.ServerConfig) { s.Disabled = true }), func(w *waiting) {
			w.load(w.config(pool.ServerConfig{Name: "D", Weight: 1, MaxConn: 2}))
		}, "0D 1D"},
		{"a server starts slowly", with(func(s *pool.ServerConfig) { s.MaxConn, s.SlowStart = 4, 4*time.Second }), func(w *waiting) {
			w.change("C", pool.Change{Health: new(pool.HealthUp)})
			time.Sleep(4 * time.Second)
		}, "0C 1C 2C"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &waiting{t: t, served: make(chan string, 3)}
				w.load(w.config(tt.third))
				w.change("C", pool.Change{Health: new(pool.HealthDown)})
				if tt.third.Disabled || tt.third.Weight == 0 {
					w.change("C", pool.Change{Health: new(pool.HealthUp)})
				}
				for range 2 {
					w.leases = append(w.leases, w.acquire(new(pool.Request)))
				}
				for i := range 3 {
					go func() {
						l := w.acquire(new(pool.Request))
						w.served <- fmt.Sprint(i, l.Server.Name)
						time.Sleep(time.Minute)
						l.Release(pool.Served)
					}()
					synctest.Wait()
				}
				for _, s := range w.pool.Servers() {
					if n := s.Queued(); n != 0 {
						t.Errorf("%d wait for %s and no other", n, s.Name)
					}
				}
				tt.room(w)
				synctest.Wait()
				var all []string
				for len(w.served) > 0 {
					all = append(all, <-w.served)
				}
				slices.Sort(all) // requests served together report in any order
				if got := strings.Join(all, " "); got != tt.want {
					t.Errorf("served are %q, want %q", got, tt.want)
				}
				for _, l := range w.leases {
					l.Release(pool.Served)
				}
				time.Sleep(10 * time.Minute)
				w.pool.Close()
			})
		})
	}
}

func (w *waiting) acquire(r *pool.Request) *pool.Lease {
	l, err := w.pool.Acquire(context.Background(), r)
	if err != nil {
		w.t.Error(err)
		runtime.Goexit()
	}
	return l
}

// A request that may have only one server waits for it as long as it is the policy's choice: when
// the servers change, it moves to the policy's new choice.
func TestQueuedForOneServerFollowsPolicy(t *testing.T) {
	drain, ready, maint := pool.Drain, pool.Ready, pool.Maint
	for _, tt := range []struct {
		name   string
		policy pool.Policy
		source string
		first  string // where the requests wait at first
		change func(w *waiting)
		want   string
	}{
		{"its server is drained", provisioned(t, new(Source)), "127.0.0.1", "C", func(w *waiting) { w.change("C", pool.Change{Admin: &drain}) }, "0B"},
		{"another server is drained: the key is that one's no longer", provisioned(t, new(Source)), "127.0.0.3", "B", func(w *waiting) { w.change("A", pool.Change{Admin: &drain}) }, "0C"},
		{"its server goes down, without redispatch", provisioned(t, new(Source)), "127.0.0.1", "C", func(w *waiting) { w.change("C", pool.Change{Health: new(pool.HealthDown)}) }, ""},
		{"an active server comes up", new(RoundRobin), "127.0.0.1", "Z", func(w *waiting) { w.change("B", pool.Change{Admin: &ready}) }, "0B"},
		{"the backup before it comes up", new(RoundRobin), "127.0.0.1", "Z", func(w *waiting) { w.change("Y", pool.Change{Admin: &ready}) }, "0Y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &waiting{t: t, served: make(chan string, 1)}
				requeued := ""
				c := pool.Config{Backend: "b", Policy: tt.policy, QueueTimeout: time.Second, Notify: func(e pool.Event) {
					if e.Requeued > 0 {
						requeued += fmt.Sprint(e.Server, e.Requeued)
					}
				}}
				for _, name := range []string{"A", "B", "C"} {
					c.Servers = append(c.Servers, pool.ServerConfig{Name: name, Weight: 1, MaxConn: 1, Disabled: tt.first == "Z"})
				}
				for _, name := range []string{"Y", "Z"} {
					c.Servers = append(c.Servers, pool.ServerConfig{Name: name, Weight: 1, MaxConn: 1, Backup: true, Disabled: name == "Y"})
				}
				w.load(c)
				if l := w.acquire(&pool.Request{Source: netip.MustParseAddr(tt.source)}); l.Server.Name != tt.first {
					t.Fatalf("the first is given %s, want %s", l.Server.Name, tt.first)
				}
				go func() {
					r := &pool.Request{Source: netip.MustParseAddr(tt.source)}
					l, err := w.pool.Acquire(context.Background(), r)
					if err != nil {
						w.served <- ""
						return
					}
					w.served <- fmt.Sprint("0", l.Server.Name)
					if !r.Queued.Moved {
						t.Error("it is not told that it has gone to another server")
					}
				}()
				synctest.Wait()
				if len(w.served) > 0 {
					t.Errorf("the second is given %s at once", <-w.served)
				}
				tt.change(w)
				synctest.Wait()
				select {
				case got := <-w.served:
					if got != tt.want {
						t.Errorf("served is %q, want %q", got, tt.want)
					}
				default:
					if tt.want != "" {
						t.Error("it waits, and the server that the policy means by now has room")
					}
				}
				time.Sleep(2 * time.Second) // beyond its queue timeout
				// An event counts the requests that left the queue with it, and no others.
				w.change(tt.first, pool.Change{Health: new(pool.HealthDown)})
				w.change(tt.first, pool.Change{Admin: &maint})
				if want := map[bool]string{true: tt.first + "1"}[tt.name == "its server is drained"]; requeued != want {
					t.Errorf("requeued are %q, want %q", requeued, want)
				}
			})
		})
	}
}

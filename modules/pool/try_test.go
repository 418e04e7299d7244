// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TryAcquire returns nil if it would have to wait for the lock, or to activate the pool.
func TestTryAcquireLeavesMoreToAcquire(t *testing.T) {
	var reg Registry
	p := open(t, &reg, "A")
	var r Request
	if l := p.TryAcquire(&r); l != nil {
		t.Errorf("before the pool serves, TryAcquire gives %s", l.Server.Name)
	}
	if b := p.backend.Load(); b.pool != nil {
		t.Error("TryAcquire has made the pool serve")
	}
	p.Activate()
	b := p.lock()
	if l := p.TryAcquire(&r); l != nil {
		t.Errorf("while the backend is locked, TryAcquire gives %s", l.Server.Name)
	}
	b.unlock()
	l := p.TryAcquire(&r)
	if l == nil {
		t.Fatal("TryAcquire gives no lease on a server that is free")
	}
	l.Release(Served)
	p.Close()
	if l := p.TryAcquire(new(Request)); l != nil {
		t.Errorf("after the last configuration is over, TryAcquire gives %s", l.Server.Name)
	}
	if !reg.Empty() {
		t.Error("something is left in the registry")
	}
}

func TestTryAcquireGoesInto(t *testing.T) {
	var reg Registry
	p := open(t, &reg, "A")
	defer p.Close()
	p.Activate()
	var into Lease
	r := &Request{NextLease: &into}
	l := p.TryAcquire(r)
	if l != &into {
		t.Fatalf("the lease is not where the request wants it")
	}
	if other := p.TryAcquire(r); other == &into {
		t.Error("two leases are one")
	} else {
		other.Release(Served)
	}
	l.Release(Served)
}

type panicking struct{}

func (panicking) Pick(View, *Request) *Server { panic("Pick") }

func TestTryAcquireOfAPolicyThatPanics(t *testing.T) {
	var reg Registry
	p, err := reg.Open(Config{Backend: "b", Servers: servers("A"), Policy: panicking{}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Activate()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		p.TryAcquire(new(Request))
	}()
	if n := p.Waiting(); n != 0 { // it would deadlock if the lock were held
		t.Errorf("%d requests wait: expected none", n)
	}
}

// TestTryAcquireConcurrently mixes both kinds of requests while servers change and configurations
// come and go. All leases must be returned.
func TestTryAcquireConcurrently(t *testing.T) {
	var reg Registry
	var serving struct {
		sync.RWMutex
		*Pool
	}
	serve := func() {
		c := Config{Backend: "b", Servers: servers("A", "B", "C"), Policy: new(inOrder), QueueTimeout: time.Millisecond, FullConn: 4}
		c.Servers[0].MaxConn, c.Servers[1].MaxConn, c.Servers[1].MinConn = 2, 2, 1
		p, err := reg.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		p.Activate()
		serving.Lock()
		defer serving.Unlock()
		if old := serving.Pool; old != nil {
			defer old.Close()
		}
		serving.Pool = p
	}
	serve()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2000 {
				serving.RLock()
				p := serving.Pool
				serving.RUnlock()
				r := new(Request)
				l := p.TryAcquire(r)
				if l == nil {
					var err error
					if l, err = p.Acquire(context.Background(), r); err != nil {
						continue
					}
				}
				l.Release([]Outcome{Served, ConnectFailed, NotTried}[rand.IntN(3)])
			}
		})
	}
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name := []string{"A", "B", "C"}[i%3]
			_ = serving.SetHealth(name, i%2 == 0) // the server exists
			_ = serving.SetWeight(name, i%4)
			if i%16 == 0 {
				serve()
			}
			time.Sleep(50 * time.Microsecond)
		}
	})
	all.Wait()
	close(stop)
	changes.Wait()
	for _, s := range serving.Servers() {
		if s.Sessions() != 0 || s.Queued() != 0 {
			t.Errorf("%s has %d sessions and %d waiting: expected none", s.Name, s.Sessions(), s.Queued())
		}
	}
	if n := serving.Waiting(); n != 0 {
		t.Errorf("%d requests wait: expected none", n)
	}
	serving.Close()
	if !reg.Empty() {
		t.Error("something is left in the registry")
	}
}

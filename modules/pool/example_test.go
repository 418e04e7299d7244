// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// firstFree is a policy that picks the first server with a free slot.
type firstFree struct{}

func (firstFree) Pick(v pool.View, r *pool.Request) *pool.Server {
	for _, s := range v.Servers {
		if s.CanServe() && !r.Avoids(s) {
			return s
		}
	}
	return nil // the connection waits for any server
}

// open opens a pool of two servers with one slot each.
func open(registry *pool.Registry, c pool.Config) *pool.Pool {
	c.Backend, c.Policy = "web", firstFree{}
	c.Servers = []pool.ServerConfig{
		{Name: "s1", Address: "10.0.0.1:443", Weight: 1, MaxConn: 1},
		{Name: "s2", Address: "10.0.0.2:443", Weight: 1, MaxConn: 1},
	}
	p, err := registry.Open(c)
	if err != nil {
		panic(err)
	}
	return p
}

// A connection acquires a lease on a server, and releases it with its outcome.
func ExamplePool_Acquire() {
	var registry pool.Registry
	p := open(&registry, pool.Config{QueueTimeout: time.Millisecond})
	defer p.Close()

	var requests [3]pool.Request
	for i := range requests {
		lease, err := p.Acquire(context.Background(), &requests[i])
		if errors.Is(err, pool.ErrQueueTimeout) {
			fmt.Println(err)
			continue
		}
		fmt.Println(lease.Server.Name, lease.Server.Address)
		defer lease.Release(pool.Served)
	}
	// Output:
	// s1 10.0.0.1:443
	// s2 10.0.0.2:443
	// no server had a free slot in time
}

// After a failed connect, the request avoids the server and acquires another one.
func ExampleRequest_Avoid() {
	var registry pool.Registry
	p := open(&registry, pool.Config{})
	defer p.Close()

	var request pool.Request
	first, _ := p.Acquire(context.Background(), &request)
	first.Release(pool.ConnectFailed)
	request.Avoid(first.Server)

	second, _ := p.Acquire(context.Background(), &request)
	defer second.Release(pool.Served)
	fmt.Println(first.Server.Name, first.Server.Failed(), second.Server.Name)
	// Output:
	// s1 1 s2
}

// Counts belong to the server's name: a new configuration, with another address, continues them.
func ExampleRegistry_Open() {
	var registry pool.Registry
	old := open(&registry, pool.Config{})
	var request pool.Request
	lease, _ := old.Acquire(context.Background(), &request)

	current, _ := registry.Open(pool.Config{
		Backend: "web", Policy: firstFree{},
		Servers: []pool.ServerConfig{{Name: "s1", Address: "10.0.0.9:443", Weight: 1}},
	})
	defer current.Close()
	current.Activate()
	old.Close()

	fmt.Println(current.Servers()[0].Sessions())
	lease.Release(pool.Served)
	fmt.Println(current.Servers()[0].Sessions())
	// Output:
	// 1
	// 0
}

// Notify receives the transitions of servers, here those of an operator's changes.
func ExampleRegistry_Change() {
	var registry pool.Registry
	p := open(&registry, pool.Config{Notify: func(e pool.Event) {
		if e.Kind == pool.DrainStarted || e.Kind == pool.DrainEnded {
			fmt.Println(e.Server, e.Admin, "usable:", e.Active)
		}
	}})
	defer p.Close()
	p.Activate()

	for _, admin := range []pool.Admin{pool.Drain, pool.Ready} {
		if _, err := registry.Change("web", "s1", pool.Change{Admin: &admin}); err != nil {
			panic(err)
		}
	}
	_, err := registry.Change("web", "s3", pool.Change{Weight: "10"})
	fmt.Println(err)
	// Output:
	// s1 drain usable: 1
	// s1 ready usable: 2
	// no such server
}

// An evicted lease counts until its session has ended.
func ExampleLease_OnEvict() {
	var registry pool.Registry
	p, _ := registry.Open(pool.Config{
		Backend: "web", Policy: firstFree{},
		Servers: []pool.ServerConfig{{Name: "s1", Weight: 1, HealthConfig: pool.HealthConfig{EvictOnDown: true}}},
	})
	defer p.Close()
	var request pool.Request
	lease, _ := p.Acquire(context.Background(), &request)
	lease.OnEvict(pool.HolderFunc(func(why pool.EvictReason) {
		fmt.Println(why == pool.EvictMarkedDown, lease.Server.Sessions())
		lease.Release(pool.Served)
	}))

	_ = p.SetHealth("s1", false) // as if checks had failed
	fmt.Println(lease.Server.Sessions())
	// Output:
	// true 1
	// 0
}

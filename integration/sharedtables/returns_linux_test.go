// SPDX-License-Identifier: Apache-2.0

package sharedtables

import (
	"fmt"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

const (
	clients = 1000
	// bound is the time that a connection may wait for Redis (3s), and what a busy machine may add.
	bound = 30 * time.Second
)

// fleet are three nodes with five servers, which share their tables.
type fleet struct {
	t     *testing.T
	redis *programs.Redis
	nodes []*node
	hello []byte
	slow  atomic.Int64 // visits that took longer than the bound
}

// startFleet starts a fleet. options are more of its tables.
func startFleet(t *testing.T, options string) *fleet {
	t.Helper()
	return startFleetWaiting(t, options, "3s")
}

// startFleetWaiting starts a fleet whose connections wait for Redis for no longer than timeout.
func startFleetWaiting(t *testing.T, options, timeout string) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: &programs.Redis{Address: programs.Address(t)}, hello: hello(t)}
	f.redis.Start(t)
	var servers []string
	for i := range 5 {
		servers = append(servers, server(t, fmt.Sprint("s", i+1)))
	}
	for range 3 {
		f.nodes = append(f.nodes, startNode(t, f.redis.Address, servers, options, timeout))
	}
	f.await("connected")
	return f
}

func (f *fleet) await(state string) {
	f.t.Helper()
	for _, n := range f.nodes {
		n.awaitState(state)
	}
}

// visits lets clients visit nodes, some at a time, and returns their servers. No visit may fail.
func (f *fleet) visits(from, to int, at func(client int) *node) (servers map[int]string) {
	f.t.Helper()
	servers = make(map[int]string)
	var mu sync.Mutex
	var running sync.WaitGroup
	places := make(chan struct{}, 16)
	for i := from; i < to; i++ {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			server, took, err := newClient(f.hello, i).visit(at(i))
			if err != nil {
				f.t.Errorf("client %d: %v", i, err)
			}
			if took > bound {
				f.slow.Add(1)
			}
			mu.Lock()
			defer mu.Unlock()
			servers[i] = server
		})
	}
	running.Wait()
	return servers
}

// arrive lets all clients visit nodes for the first time. Some at a time are written to Redis.
func (f *fleet) arrive() (servers map[int]string) {
	f.t.Helper()
	servers = make(map[int]string)
	for i := 0; i < clients; i += 200 {
		maps.Copy(servers, f.visits(i, i+200, f.nodeOf(0)))
		f.await("connected") // and nothing is pending
	}
	return servers
}

// expectSame reports clients that have another server than before.
func (f *fleet) expectSame(when string, before, now map[int]string) {
	f.t.Helper()
	moved := 0
	for i, server := range now {
		if server != before[i] {
			moved++
		}
	}
	if moved > 0 {
		f.t.Errorf("%s: %d of %d clients have another server than before", when, moved, len(now))
	}
}

// nodeOf returns a function that spreads clients over the nodes.
func (f *fleet) nodeOf(turn int) func(int) *node {
	return func(client int) *node { return f.nodes[(client+turn)%len(f.nodes)] }
}

// Each client returns to its server, at whichever node; also those that come while Redis is gone,
// once it is back. No connection fails.
func TestClientsReturn(t *testing.T) {
	f := startFleet(t, "")
	before := f.arrive()
	used := make(map[string]int)
	for _, server := range before {
		used[server]++
	}
	if len(used) != 5 {
		t.Errorf("the clients have the servers %v, expected 5", used)
	}
	for turn := 1; turn < len(f.nodes); turn++ {
		f.expectSame("at another node", before, f.visits(0, clients, f.nodeOf(turn)))
	}

	f.redis.Kill()
	f.expectSame("while Redis is gone", before, f.visits(0, clients, f.nodeOf(1))) // known everywhere
	f.await("unreachable")
	late := f.visits(clients, clients+500, f.nodeOf(0))
	f.expectSame("at the same node while Redis is gone", late, f.visits(clients, clients+500, f.nodeOf(0)))
	f.redis.Start(t)
	f.await("connected")
	for turn := range f.nodes {
		f.expectSame("after Redis is back", before, f.visits(0, clients, f.nodeOf(turn)))
		f.expectSame("after Redis is back, of those that came while it was gone", late, f.visits(clients, clients+500, f.nodeOf(turn)))
	}
	if n := f.slow.Load(); n > 0 {
		t.Errorf("%d visits took more than %v", n, bound)
	}
}

// No connection fails while Redis is killed and started again, and clients still return: to nodes
// that have just begun, too.
func TestRedisRestartsUnderLoad(t *testing.T) {
	timeout := "3s"
	if os.Getenv("LOAD") != "" {
		timeout = "50ms" // as by default: a busy machine may need longer
	}
	f := startFleetWaiting(t, "", timeout)
	var times figures
	times.enter("before")
	before := f.visits(0, 200, f.nodeOf(0))
	f.await("connected")
	var running sync.WaitGroup
	var visits atomic.Int64
	stop := make(chan struct{})
	for worker := range 8 {
		running.Go(func() {
			for i := worker; ; i = (i + 8) % 2000 { // known clients, and new ones
				select {
				case <-stop:
					return
				default:
				}
				phase := times.current()
				_, took, err := newClient(f.hello, i).visit(f.nodes[i%3])
				times.add(phase, took, err)
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				if took > bound {
					f.slow.Add(1)
				}
				visits.Add(1)
			}
		})
	}
	more := func() {
		t.Helper()
		n := visits.Load()
		programs.Until(t, "clients are served", func() bool { return visits.Load() > n+300 || t.Failed() })
	}
	for round := range 2 {
		more()
		times.enter("during the outage")
		f.redis.Kill()
		more()
		f.await("unreachable")
		stored := f.visits(3000+100*round, 3100+100*round, f.nodeOf(0))
		f.redis.Start(t)
		f.redis.Await(t)
		answered := time.Now()
		times.enter("after the outage")
		t.Logf("clients stored during the outage return at other nodes %v after Redis answers", f.returnAfter(stored, answered))
		more()
		programs.Until(t, "Redis is back", func() bool {
			for _, n := range f.nodes {
				for _, table := range n.tables() {
					if table.Share == nil || table.Share.State != "connected" {
						return false
					}
				}
			}
			return true
		})
	}
	close(stop)
	running.Wait()
	times.log(t)
	f.await("connected")
	for turn := range f.nodes {
		f.expectSame("after restarts", before, f.visits(0, 200, f.nodeOf(turn)))
	}
	if n := f.slow.Load(); n > 0 {
		t.Errorf("%d of %d visits took more than %v", n, visits.Load(), bound)
	}
}

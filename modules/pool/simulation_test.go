// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Size of the simulation; with seed, one run is repeated.
var (
	simSeeds = flag.Int("sim.seeds", 256, "how many simulations there are")
	simSteps = flag.Int("sim.steps", 300, "how many steps each has")
	simSeed  = flag.Uint64("sim.seed", 0, "the only simulation to run; 0: all")
)

// TestSimulation lets random clients arrive, wait, hold, leave, fail and retry, while servers go
// down and up, are drained and get other weights, and configurations come, go and fail; after each
// step it checks all invariants. Time is simulated. Half of the requests call TryAcquire first:
// each fourth seed is run again without that, and must go the same way.
func TestSimulation(t *testing.T) {
	first, last := uint64(1), uint64(*simSeeds)
	if *simSeed != 0 {
		first, last = *simSeed, *simSeed
	}
	for seed := first; seed <= last; seed++ {
		failed := false
		synctest.Test(t, func(t *testing.T) {
			s := newSimulation(seed)
			s.tries = rand.New(rand.NewPCG(seed, 1))
			s.run(*simSteps)
			if seed%4 == 0 {
				s.compare(newSimulation(seed), *simSteps)
			}
			if s.wrong != "" {
				failed = true
				t.Errorf("seed %d (-sim.seed=%[1]d): %s\nthe last steps:\n%s", seed, s.wrong, strings.Join(s.story[max(0, len(s.story)-30):], "\n"))
			}
		})
		if failed {
			return
		}
	}
}

// simulation is one run. One goroutine does everything except for the clients' waiting.
type simulation struct {
	rng     *rand.Rand
	tries   *rand.Rand // decides which requests call TryAcquire first; nil: none
	reg     pool.Registry
	pools   []*simPool // open pools; the last one serves
	closed  []*simPool
	clients []*simClient
	model   map[string]*modelServer
	before  map[string]int64 // leases held before the step
	sticky  *tables.Table    // the servers of clients, by address
	began   time.Time        // when the step began
	story   []string
	wrong   string
}

type simPool struct {
	*pool.Pool
	config pool.Config
}

// simClient is a connection.
type simClient struct {
	id      int
	request pool.Request
	asked   *simPool
	cancel  context.CancelFunc
	began   time.Time
	timeout time.Duration
	avoids  []string
	lenient bool
	sticky  bool   // it is to come back to its server
	want    string // the server that it must get; empty: any
	// mustWait reports that TryAcquire has found no server.
	mustWait bool

	result atomic.Pointer[simResult] // stored by the client's goroutine
	lease  *pool.Lease               // from the result, once the simulation has seen it
}

type simResult struct {
	ended time.Time
	lease *pool.Lease
	err   error
}

func (c *simClient) waits() bool { return c.result.Load() == nil }

func (c *simClient) holds() bool { return c.lease != nil }

// run performs the steps, and then ends everything.
func (s *simulation) run(steps int) {
	s.reload()
	for i := 0; i < steps && s.wrong == ""; i++ {
		s.before = s.held()
		s.step()
		synctest.Wait()
		s.collect()
		s.check()
	}
	for _, c := range s.clients {
		c.cancel()
	}
	synctest.Wait()
	for _, c := range s.clients {
		if r := c.result.Load(); r.lease != nil {
			r.lease.Release(pool.Served)
		}
	}
	for _, p := range s.pools {
		p.Close()
	}
	if s.wrong == "" && !s.reg.Empty() {
		s.fail("something is left in the registry")
	}
}

func (s *simulation) tell(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf(format, args...))
}

func (s *simulation) fail(format string, args ...any) {
	if s.wrong == "" {
		s.wrong = fmt.Sprintf(format, args...)
	}
}

func (s *simulation) current() *simPool { return s.pools[len(s.pools)-1] }

// held returns the number of leases, by server name.
func (s *simulation) held() map[string]int64 {
	m := make(map[string]int64)
	for _, c := range s.clients {
		if c.lease != nil {
			m[c.lease.Server.Name]++
		}
	}
	return m
}

func (s *simulation) step() {
	time.Sleep(time.Nanosecond) // no two timers may fire at once: a seed must be reproducible
	s.began = time.Now()
	switch n := s.rng.IntN(100); {
	case n < 35:
		s.acquire()
	case n < 60:
		s.release()
	case n < 68:
		s.retry()
	case n < 72:
		s.leave()
	case n < 84:
		s.change()
	case n < 88:
		s.reload()
	case n < 90:
		s.failedReload()
	default:
		d := time.Duration(s.rng.IntN(1500)) * time.Millisecond
		s.tell("%v pass", d)
		time.Sleep(d)
	}
}

// acquire adds a client: usually to the configuration that serves, sometimes late to one that has
// ended.
func (s *simulation) acquire() {
	p := s.current()
	if len(s.closed) > 0 && s.rng.IntN(10) == 0 {
		p = s.closed[s.rng.IntN(len(s.closed))]
	}
	c := &simClient{id: len(s.story), asked: p}
	c.request.Source = netip.AddrFrom4([4]byte{192, 0, 2, byte(s.rng.IntN(8))})
	s.clients = append(s.clients, c)
	s.stick(c)
	s.ask(c)
}

func (s *simulation) ask(c *simClient) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.began, c.timeout = cancel, time.Now(), s.current().config.QueueTimeout
	c.lease, c.mustWait = nil, false
	c.result.Store(nil)
	c.request.Queued = pool.Queued{}
	c.request.Priority = pool.Priority{}
	if s.rng.IntN(3) == 0 {
		c.request.Priority = pool.Priority{Class: s.rng.IntN(3) - 1, Offset: time.Duration(s.rng.IntN(5)-2) * time.Second}
	}
	if c.want = ""; s.mayFollow(c) {
		c.want = c.request.Server
	}
	s.tell("client %d asks, avoiding %v, %+v, for %q", c.id, c.avoids, c.request.Priority, c.want)
	if s.tries != nil && s.tries.IntN(2) == 0 && s.try(c) {
		return
	}
	go func() {
		lease, err := c.asked.Acquire(ctx, &c.request)
		c.result.Store(&simResult{time.Now(), lease, err})
	}()
}

// one returns a random client of a kind, or nil.
func (s *simulation) one(kind func(*simClient) bool) *simClient {
	var fit []*simClient
	for _, c := range s.clients {
		if kind(c) {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[s.rng.IntN(len(fit))]
}

func (s *simulation) drop(c *simClient) {
	s.clients = slices.DeleteFunc(s.clients, func(o *simClient) bool { return o == c })
}

func (s *simulation) release() {
	if c := s.one((*simClient).holds); c != nil {
		s.tell("client %d releases %s", c.id, c.lease.Server.Name)
		for range 1 + s.rng.IntN(2) {
			c.lease.Release(pool.Served)
		}
		c.cancel()
		s.drop(c)
	}
}

// retry makes a client's connect fail, and lets it try again.
func (s *simulation) retry() {
	c := s.one((*simClient).holds)
	if c == nil {
		return
	}
	failed, old := c.lease.Server, c.lease
	old.Release(pool.ConnectFailed)
	c.cancel()
	synctest.Wait() // the next in the queue takes the lock, for which TryAcquire does not wait
	switch s.rng.IntN(3) {
	case 0:
		c.request.AvoidLast(failed)
		c.avoids, c.lenient = []string{failed.Name}, true
	case 1:
		c.request.ClearAvoided()
		c.avoids, c.lenient = nil, false
	default:
		if c.lenient {
			c.request.ClearAvoided()
			c.avoids, c.lenient = nil, false
		}
		c.request.Avoid(failed)
		c.avoids = append(c.avoids, failed.Name)
	}
	s.ask(c)
	old.Release(pool.Served) // has no effect any longer
}

func (s *simulation) leave() {
	if c := s.one((*simClient).waits); c != nil {
		s.tell("client %d leaves the queue", c.id)
		c.cancel()
	}
}

// collect records the clients that have got a server, or an error.
func (s *simulation) collect() {
	for _, c := range slices.Clone(s.clients) {
		result := c.result.Load()
		if result == nil || c.holds() {
			continue
		}
		if waited := result.ended.Sub(c.began); c.timeout > 0 && waited > c.timeout {
			s.fail("client %d has waited for %v, not %v", c.id, waited, c.timeout)
		}
		if result.lease == nil {
			s.tell("client %d gets none: %v", c.id, result.err)
			s.refused(c, result.err)
			s.drop(c)
			continue
		}
		c.lease = result.lease
		s.tell("client %d gets %s", c.id, c.lease.Server.Name)
		if c.mustWait && c.request.Queued.Server+c.request.Queued.Backend == 0 {
			s.fail("client %d gets %s without a wait, and TryAcquire has found none", c.id, c.lease.Server.Name)
		}
		s.granted(c)
		s.keepsItsServer(c)
		s.store(c)
	}
}

func (s *simulation) open() *simPool {
	c := s.config()
	p, err := s.reg.Open(c)
	if err != nil {
		s.fail("opening: %v", err)
	}
	return &simPool{p, c}
}

func (s *simulation) reload() {
	p := s.open()
	s.tell("reload: %T, %+v", p.config.Policy, p.config.Servers)
	s.pools = append(s.pools, p)
	s.disturb()
	s.sticky.Reconfigure(stickConfig(16 + s.rng.IntN(2)))
	p.Activate()
	s.follow(p)
	if len(s.pools) > 1 {
		old := s.pools[0]
		old.Close()
		s.pools, s.closed = s.pools[1:], append(s.closed, old)
	}
}

// failedReload opens a configuration, perhaps uses it, and closes it.
func (s *simulation) failedReload() {
	p := s.open()
	if s.rng.IntN(2) == 0 {
		s.tell("reload that fails at once")
		p.Close()
		return
	}
	s.tell("reload that fails later: %T, %+v", p.config.Policy, p.config.Servers)
	s.disturb()
	s.pools = append(s.pools, p)
	p.Activate()
	s.follow(p)
	synctest.Wait()
	s.collect()
	s.check()
	s.before = s.held()
	p.Close()
	s.pools = s.pools[:len(s.pools)-1]
	s.follow(s.current())
}

// change changes a server at run time.
func (s *simulation) change() {
	p := s.current()
	if len(p.config.Servers) == 0 {
		return
	}
	s.disturb()
	name := p.config.Servers[s.rng.IntN(len(p.config.Servers))].Name
	m := s.model[name]
	var err error
	switch s.rng.IntN(5) {
	case 0:
		m.maxconn = s.rng.IntN(4)
		s.tell("maxconn of %s: %d", name, m.maxconn)
		s.before = s.held() // existing sessions may stay
		_, err = s.reg.Change(p.config.Backend, name, pool.Change{MaxConn: &m.maxconn})
	case 1:
		m.weight = s.rng.IntN(5)
		s.tell("weight of %s: %d", name, m.weight)
		err = p.SetWeight(name, m.weight)
	case 2:
		m.setAdmin(pool.Admin(s.rng.IntN(3)))
		s.tell("state of %s: %d", name, m.admin)
		err = p.SetAdmin(name, m.admin)
	default:
		m.down = !m.down
		s.tell("%s is down: %v", name, m.down)
		err = p.SetHealth(name, !m.down)
	}
	if err != nil {
		s.fail("%v", err)
	}
}

var errNone = []error{pool.ErrNoServer, pool.ErrQueueFull, pool.ErrQueueTimeout, context.Canceled}

// refused checks the reason why a client got no server.
func (s *simulation) refused(c *simClient, err error) {
	if !slices.ContainsFunc(errNone, func(e error) bool { return errors.Is(err, e) }) {
		s.fail("client %d: %v", c.id, err)
	}
	if !errors.Is(err, pool.ErrNoServer) {
		return
	}
	for _, name := range s.usable() {
		if !slices.Contains(c.avoids, name) || c.lenient {
			s.fail("client %d is told that there is no server, and there is %s", c.id, name)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package pool holds the servers of one backend at run time: which servers exist, which one gets
// the next connection, which requests are queued, and how many connections each server has. A
// connection takes a Lease on a server and releases it with its outcome; that is the only way a
// count falls. Counts and queues belong to a backend and a server name, not to an address or a
// configuration: a Registry keeps them while a configuration or a connection needs them. The
// current configuration serves every request, including late ones that came through an earlier
// configuration. The package does not import Caddy and opens no socket.
package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Errors of Acquire.
var (
	// ErrNoServer means that no server may take the connection: the backend has none, or all are down,
	// disabled, of weight zero or avoided by the request.
	ErrNoServer = errors.New("no server available")
	// ErrQueueTimeout means that no server had a free slot within Config.QueueTimeout.
	ErrQueueTimeout = errors.New("no server had a free slot in time")
	// ErrQueueFull means that the only server that the policy allows has MaxQueue requests queued.
	ErrQueueFull = errors.New("the server's queue is full")
)

// Config is the configuration of a backend.
type Config struct {
	// Backend is the backend's name. Counts are kept under it.
	Backend string
	// Servers are in the order of the configuration. Names must differ.
	Servers []ServerConfig
	// AllBackups lets the policy choose among all backups when no other server is usable. Without it
	// only the first usable backup serves.
	AllBackups bool
	// FullConn is the number of connections of the backend at which its servers reach their MaxConn,
	// starting from their MinConn.
	FullConn int
	// QueueTimeout limits how long a request is queued; zero or less: only its context does.
	QueueTimeout time.Duration
	// Redispatch moves requests that are queued for a server to other servers when it goes down.
	Redispatch bool
	// LastResort lets a backup serve a connection that has failed on all other servers, even if these
	// are usable.
	LastResort bool
	// RetryBudget limits retries; nil: no limit. See Pool.TakeRetry.
	RetryBudget *RetryBudget
	// Policy picks the servers. Each pool needs a policy value of its own.
	Policy Policy
	// Notify, if set, receives the events that occur while this pool serves, one at a time and in
	// order. It must not wait for the pool.
	Notify func(Event)
	// Adjust returns the configuration of a server with an adjustment, or an error. It is
	// called with locks held. nil: only addresses can be adjusted.
	Adjust func(server string, a Adjustment) (ServerConfig, error)
	// Added returns the configuration of a server that was added by Registry.Add, or an error. It is
	// called with locks held. nil: servers cannot be added.
	Added func(spec any) (ServerConfig, error)
}

// Pool is a backend as one configuration sees it. It is safe for concurrent
// use.
type Pool struct {
	registry     *Registry
	name         string
	servers      atomic.Pointer[[]*Server] // replaced as a whole, under the backend's lock
	original     []*Server                 // as configured
	adjust       func(server string, a Adjustment) (ServerConfig, error)
	added        func(spec any) (ServerConfig, error)
	allBackups   bool
	fullConn     int
	queueTimeout time.Duration
	redispatch   bool
	lastResort   bool
	retryBudget  *RetryBudget
	policy       Policy
	notify       func(Event)
	timed        bool // the policy is a ResponseTracker
	dynamic      bool // a server's limit depends on the load of the backend
	counts       *Counts

	backend atomic.Pointer[backend]

	// Guarded by the backend's lock:
	closed    bool
	activated bool // Activate was called, or a request came
	adopted   bool
}

// Open makes the pool of a configuration. Other configurations see no change until Activate or the
// first request, so a configuration that fails to load leaves no trace. Close must be called when
// the configuration is no longer used.
func (r *Registry) Open(c Config) (*Pool, error) {
	if c.Policy == nil {
		return nil, errors.New("opening a pool: it has no policy")
	}
	p := &Pool{
		registry: r, name: c.Backend, policy: c.Policy, allBackups: c.AllBackups,
		fullConn: c.FullConn, queueTimeout: c.QueueTimeout, redispatch: c.Redispatch, lastResort: c.LastResort,
		retryBudget: c.RetryBudget, notify: c.Notify, adjust: c.Adjust, added: c.Added,
	}
	_, p.timed = c.Policy.(ResponseTracker)
	servers, err := newServers(p, c.Servers)
	if err != nil {
		return nil, err
	}
	p.original = servers
	p.servers.Store(&servers)
	b := r.lock(p.name)
	defer b.mu.Unlock()
	p.backend.Store(b)
	p.counts = b.counts
	b.refs++
	for _, s := range servers {
		s.state = b.hold(s.Name)
	}
	return p, nil
}

// Close ends the configuration's hold on the backend. It is idempotent. Leases stay valid, and a
// late connection may still acquire one.
func (p *Pool) Close() {
	b := p.lock()
	defer b.unlock()
	if p.closed {
		return
	}
	p.closed = true
	b.deactivate(p)
}

// lock locks the backend that is currently registered under the pool's name.
func (p *Pool) lock() *backend {
	b := p.backend.Load()
	b.mu.Lock()
	if b.gone {
		b.mu.Unlock()
		b = p.registry.lock(p.name)
		p.backend.Store(b)
	}
	return b
}

// Activate makes this configuration the one that serves the backend. Without it, the first request
// does.
func (p *Pool) Activate() {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
}

// Servers returns all servers of the configuration, in its order. A server whose address was
// changed at run time is another value then.
func (p *Pool) Servers() []*Server { return *p.servers.Load() }

// UsableActives returns the number of usable servers that are not backups.
func (p *Pool) UsableActives() int {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	if b.view.Backups() {
		return 0
	}
	return len(b.view.Servers)
}

// Waiting returns the number of queued requests of the backend.
func (p *Pool) Waiting() int {
	b := p.lock()
	defer b.unlock()
	return b.busy - b.served
}

// Sticky reports whether the policy always sends one key to the same server.
func (p *Pool) Sticky() bool {
	s, ok := p.policy.(Sticky)
	return ok && s.Sticky()
}

// Acquire returns a lease on the server that the policy picks, and waits in the queue if that
// server has no free slot. The error is ErrNoServer, ErrQueueTimeout, ErrQueueFull or the
// context's. A lease must be released before r gets another.
func (p *Pool) Acquire(ctx context.Context, r *Request) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.hashFor(p.policy)
	b := p.lock()
	b.activate(p)
	timeout := b.pool.queueTimeout
	if b.busy++; b.pool.dynamic && b.busy-1 > b.served { // one more connection raises the limits
		b.fillAll()
	}
	s, waits, err := b.choose(r, true)
	switch {
	case err != nil:
		b.busy--
		r.Queued.For = s
		b.unlock()
		return nil, err
	case s != nil && !waits:
		l := b.take(s, r, time.Now())
		b.unlock()
		return l, nil
	default:
		b.startWait(r, s)
		b.unlock()
		return b.wait(ctx, r, timeout)
	}
}

// IsUp reports whether the named server is neither down nor in maintenance, so that a request may
// be assigned to it.
func (p *Pool) IsUp(server string) bool {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	s := b.pool.server(server)
	return s != nil && s.state.now.up()
}

// Server returns the server of the configuration with that name, or nil.
func (p *Pool) Server(name string) *Server { return p.server(name) }

// Room returns how many further connections a server may have now; below zero: any number, 0 if it
// is not in the view.
func (p *Pool) Room(s *Server) int {
	b := p.lock()
	defer b.unlock()
	switch {
	case !s.state.viewed || b.current(s.state) != s:
		return 0
	case s.maxConn() == 0:
		return -1
	default:
		return s.freeSlots()
	}
}

// Has reports whether the configuration has a server with that name.
func (p *Pool) Has(server string) bool { return p.server(server) != nil }

// server returns the server with that name, or nil.
func (p *Pool) server(name string) *Server {
	for _, s := range p.Servers() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Running reports whether a server is up and past its slow start.
func (p *Pool) Running(s *Server) bool {
	b := p.lock()
	defer b.unlock()
	return s.state.now.up() && !s.state.starting()
}

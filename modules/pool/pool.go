// SPDX-License-Identifier: Apache-2.0

// Package pool holds the servers of one backend at run time: which there are,
// which of them gets the next connection, who waits for one, and what is in
// flight on each. A connection takes a Lease on a server and gives it back with
// its outcome; that is the only way a count falls. Counts and queues belong to
// backend and server name, not to an address or a configuration: a Registry keeps
// them while a configuration or a connection needs them, and the configuration
// that is in use serves whoever comes, late ones of its predecessors too. The
// package knows no Caddy and opens no socket.
package pool

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// Why there is no lease.
var (
	// ErrNoServer: no server may be given the connection: there are none, or all
	// are down, disabled, have weight zero or are avoided by the request.
	ErrNoServer = errors.New("no server available")
	// ErrQueueTimeout: no server has had room for Config.QueueTimeout.
	ErrQueueTimeout = errors.New("no server had room in time")
	// ErrQueueFull: the only server that the policy allows has MaxQueue waiting.
	ErrQueueFull = errors.New("the server's queue is full")
)

// Config is one configuration's word on a backend.
type Config struct {
	// Backend names the backend; counts are kept under it.
	Backend string
	// Servers in the order of the configuration; names must differ.
	Servers []ServerConfig
	// AllBackups lets the policy choose among all backups, where there is nobody
	// else. Without it the first backup serves alone.
	AllBackups bool
	// FullConn is at how many connections of the backend its servers have their
	// MaxConn rather than their MinConn.
	FullConn int
	// QueueTimeout is how long a request waits for a server with room; zero or
	// less: as long as its context lasts.
	QueueTimeout time.Duration
	// Redispatch lets who waits for a server that goes down go elsewhere.
	Redispatch bool
	// LastResort lets a backup serve a connection that has failed on all other
	// servers, though these are usable.
	LastResort bool
	// RetryBudget limits retries; nil: there is no limit. See Pool.TakeRetry.
	RetryBudget *RetryBudget
	// Policy serves this pool and no other.
	Policy Policy
	// Notify, if there is one, is told of what happens while this pool serves: of
	// one event at a time, in order. It must not wait for the pool.
	Notify func(Event)
}

// Pool is a backend as one configuration sees it. It is safe for concurrent
// use.
type Pool struct {
	registry     *Registry
	name         string
	servers      []*Server
	allBackups   bool
	fullConn     int
	queueTimeout time.Duration
	redispatch   bool
	lastResort   bool
	retryBudget  *RetryBudget
	policy       Policy
	notify       func(Event)
	dynamic      bool // a server's limit depends on what the backend has to do

	backend atomic.Pointer[backend]

	// Of the backend's lock:
	closed    bool
	activated bool // it has been asked for a server
	adopted   bool
}

// Open makes the pool of a configuration. It changes nothing that another
// configuration sees until it is asked for a server, so that a configuration
// which fails leaves no trace. Close must be called when the configuration is
// over.
func (r *Registry) Open(c Config) (*Pool, error) {
	if c.Policy == nil {
		return nil, errors.New("no policy")
	}
	p := &Pool{
		registry: r, name: c.Backend, policy: c.Policy, allBackups: c.AllBackups,
		fullConn: c.FullConn, queueTimeout: c.QueueTimeout, redispatch: c.Redispatch, lastResort: c.LastResort,
		retryBudget: c.RetryBudget, notify: c.Notify,
	}
	var err error
	if p.servers, err = newServers(p, c.Servers); err != nil {
		return nil, err
	}
	b := r.lock(p.name)
	defer b.mu.Unlock()
	p.backend.Store(b)
	b.refs++
	for _, s := range p.servers {
		s.state = b.hold(s.Name)
	}
	return p, nil
}

// Close ends the configuration's hold on the backend. It is idempotent. Leases
// live on, and a connection that is late may still acquire one.
func (p *Pool) Close() {
	b := p.lock()
	defer b.unlock()
	if p.closed {
		return
	}
	p.closed = true
	b.deactivate(p)
}

// lock locks the backend: the one that has its name by now.
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

// Activate has the configuration serve the backend from now on. Without it, it does
// so with its first request.
func (p *Pool) Activate() {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
}

// Servers are all servers of the configuration, in its order.
func (p *Pool) Servers() []*Server { return p.servers }

// UsableActives is how many servers may be given connections now that are no backups.
func (p *Pool) UsableActives() int {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	if b.view.Backups() {
		return 0
	}
	return len(b.view.Servers)
}

// Waiting is how many requests of the backend wait for a server.
func (p *Pool) Waiting() int {
	b := p.lock()
	defer b.unlock()
	return b.busy - b.served
}

// Sticky reports whether the policy gives one key always the same server.
func (p *Pool) Sticky() bool {
	s, ok := p.policy.(Sticky)
	return ok && s.Sticky()
}

// Acquire gives r a lease on the server that the policy picks, and waits for it
// where it has no room. The error is ErrNoServer, ErrQueueTimeout, ErrQueueFull
// or ctx's own. A lease must be released before r is given another.
func (p *Pool) Acquire(ctx context.Context, r *Request) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.hashFor(p.policy)
	b := p.lock()
	b.activate(p)
	timeout := b.pool.queueTimeout
	if b.busy++; b.pool.dynamic && b.busy-1 > b.served { // the limits have grown for those who wait
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
		l := b.take(s, r)
		b.unlock()
		return l, nil
	default:
		b.startWait(r, s)
		b.unlock()
		return b.wait(ctx, r, timeout)
	}
}

// IsUp reports whether the server of a name is neither down nor in maintenance, so
// that a request may be for it alone.
func (p *Pool) IsUp(server string) bool {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	s := b.pool.server(server)
	return s != nil && s.state.now.up()
}

// Has reports whether the configuration has a server of that name.
func (p *Pool) Has(server string) bool { return p.server(server) != nil }

// server is the server of a name; nil: there is none.
func (p *Pool) server(name string) *Server {
	for _, s := range p.servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Running reports whether a server may be given connections and does not start
// slowly.
func (p *Pool) Running(s *Server) bool {
	b := p.lock()
	defer b.unlock()
	return s.state.now.up() && !s.state.starting()
}

// SetWeight changes a server's weight, until the configuration's own changes. It
// is HAProxy's set server weight.
func (p *Pool) SetWeight(server string, weight int) error {
	return p.change(server, Change{Weight: strconv.Itoa(weight)})
}

// SetAdmin changes what the operator wants of a server, until the configuration
// says something else than before. It is HAProxy's set server state.
func (p *Pool) SetAdmin(server string, a Admin) error {
	return p.change(server, Change{Admin: &a})
}

// SetHealth says whether a server is up, until a check says otherwise. It is
// HAProxy's set server health.
func (p *Pool) SetHealth(server string, up bool) error {
	return p.change(server, Change{Down: new(!up)})
}

func (p *Pool) change(server string, c Change) error {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	if s := b.pool.server(server); s != nil {
		return b.change(s, c)
	}
	return fmt.Errorf("%w: %q in backend %q", ErrNoSuchServer, server, p.name)
}

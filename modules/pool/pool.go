// SPDX-License-Identifier: Apache-2.0

// Package pool holds the servers of one backend at run time: which there are,
// which of them gets the next connection, and what is in flight on each. A
// connection takes a Lease on a server and gives it back with its outcome; that
// is the only way a count falls. Counts belong to backend and server name, not
// to an address or a configuration: a Registry keeps them while a configuration
// or a connection needs them. The package knows no Caddy and opens no socket.
package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrNoServer is returned where no server may be given the connection: there
// are none, or all are disabled, have weight zero or are avoided by the request.
var ErrNoServer = errors.New("pool: no server available")

// Config is one configuration's word on a backend.
type Config struct {
	// Backend names the backend; counts are kept under it.
	Backend string
	// Servers in the order of the configuration; names must differ.
	Servers []ServerConfig
	// AllBackups lets the policy choose among all backups, where there is nobody
	// else. Without it the first backup serves alone.
	AllBackups bool
	// Policy serves this pool and no other.
	Policy Policy
}

// Pool is a backend as one configuration sees it. It is safe for concurrent
// use.
type Pool struct {
	registry *Registry
	backend  string
	servers  []*Server
	view     View
	policy   Policy

	adopt sync.Once
	end   sync.Once
}

// Open makes the pool of a configuration. It changes nothing that another
// configuration sees, so that a configuration which fails later leaves no
// trace. Close must be called when the configuration is over.
func (r *Registry) Open(c Config) (*Pool, error) {
	if c.Policy == nil {
		return nil, errors.New("pool: no policy")
	}
	p := &Pool{registry: r, backend: c.Backend, policy: c.Policy}
	names := make(map[string]bool, len(c.Servers))
	for i, s := range c.Servers {
		if names[s.Name] {
			return nil, fmt.Errorf("pool: two servers named %q", s.Name)
		}
		names[s.Name] = true
		p.servers = append(p.servers, &Server{ServerConfig: s, ID: i + 1})
	}
	r.join(p)
	p.view = newView(p.servers, c.AllBackups)
	return p, nil
}

// Close ends the configuration's hold on the backend. It is idempotent. Leases
// live on, and a connection that is late may still acquire one.
func (p *Pool) Close() {
	p.end.Do(func() { p.registry.leave(p) })
}

// Servers are all servers of the configuration, in its order.
func (p *Pool) Servers() []*Server { return p.servers }

// Actives is how many servers may be given connections now that are no backups.
func (p *Pool) Actives() int {
	if len(p.view.Servers) > 0 && p.view.Servers[0].Backup {
		return 0
	}
	return len(p.view.Servers)
}

// Acquire gives r a lease on the server that the policy picks. The error is
// ErrNoServer or ctx's own.
func (p *Pool) Acquire(ctx context.Context, r *Request) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.adopt.Do(func() { p.registry.succeed(p) })
	s := p.policy.Pick(p.view, r)
	if s == nil {
		return nil, ErrNoServer
	}
	return p.lease(s), nil
}

// Again gives a new lease on the server of l, which has been released: another
// try on the same server, past the policy.
func (p *Pool) Again(l *Lease) *Lease { return p.lease(l.Server) }

func (p *Pool) lease(s *Server) *Lease {
	st := p.registry.retain(s.state)
	st.sessions.Add(1)
	st.taken.Add(1)
	return &Lease{Server: s, state: st}
}

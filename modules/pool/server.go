// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"time"
)

// ServerConfig is one configuration's word on a server.
type ServerConfig struct {
	// Name is unique within the backend and keeps the server's counts over
	// reloads, whatever its address.
	Name string
	// Address is host:port, or whatever else the pool's user connects to.
	Address string
	// ResolvePrefer is for the pool's user: whose addresses of a host name come
	// first.
	ResolvePrefer string
	// ID is HAProxy's id: the order of policy first, and the place in a consistent
	// hash. 0: the server's place from 1 on, or the next that is free.
	ID int
	// Weight is 0 to MaxWeight; a server of weight 0 is given no connection.
	Weight int
	// Backup keeps the server for when no other is usable.
	Backup bool
	// Disabled has the server be given no connection.
	Disabled bool
	// MaxConn is how many connections the server may have at a time; 0: any
	// number.
	MaxConn int
	// MinConn is the same while the backend has little to do: the limit grows in
	// proportion to the backend's connections, served and waiting, up to MaxConn at
	// Config.FullConn. 0: MaxConn.
	MinConn int
	// MaxQueue is how many requests may wait for the server, where the policy allows
	// them no other; 0: any number.
	MaxQueue int
	// SlowStart is how long a server that has come back takes to its full weight
	// and limit, in whole seconds, rounded up.
	SlowStart time.Duration

	HealthConfig
}

// limits makes the limits what HAProxy makes of them.
func (c *ServerConfig) limits() {
	switch {
	case c.MinConn >= c.MaxConn:
		c.MaxConn = c.MinConn
	case c.MinConn == 0:
		c.MinConn = c.MaxConn
	}
}

// Server is a server as one configuration sees it. Its configuration does not
// change; its counts are shared with every other configuration that names it. It
// is safe for concurrent use.
type Server struct {
	ServerConfig
	// Index is the server's place in the configuration, from 0.
	Index int

	pool  *Pool
	state *state // another one only where the configuration is over

	forSessions *Server // see detached
}

// detached returns the server as sessions keep it: without what refers to the rest
// of the configuration. They share it. The backend must be locked.
func (s *Server) detached() *Server {
	if s.forSessions == nil || s.forSessions.state != s.state {
		d := &Server{ServerConfig: s.ServerConfig, Index: s.Index, state: s.state}
		d.Check, d.Agent, d.forSessions = nil, nil, d
		s.forSessions = d
	}
	return s.forSessions
}

// Sessions is how many leases are out now.
func (s *Server) Sessions() int64 { return s.state.sessions.Load() }

// Queued is how many requests wait for this server and no other.
func (s *Server) Queued() int64 { return s.state.queued.Load() }

// Taken is how many leases were ever given.
func (s *Server) Taken() uint64 { return s.state.taken.Load() }

// Failed is how many attempts to reach the server have failed.
func (s *Server) Failed() uint64 { return s.state.failed.Load() }

// CanServe reports whether the server can serve another connection at once, past
// nobody who waits for it. It is for policies.
func (s *Server) CanServe() bool {
	return s.maxConn() == 0 || s.Queued() == 0 && s.slotFree()
}

// CanQueue reports whether another connection may wait for the server. It is for
// policies.
func (s *Server) CanQueue() bool { return s.MaxQueue == 0 || s.Queued() < int64(s.MaxQueue) }

func (s *Server) slotFree() bool { return s.maxConn() == 0 || s.Sessions() < int64(s.limit()) }

// maxConn is MaxConn, or what has been set since.
func (s *Server) maxConn() int { return s.state.run.maxconn }

// dynamic reports whether the limit depends on what the backend has to do.
func (s *Server) dynamic() bool { return s.MinConn < s.MaxConn }

// limit is what MaxConn is now.
func (s *Server) limit() int {
	limit := s.maxConn()
	if busy, full := s.state.backend.busy, s.pool.fullConn; s.dynamic() && busy < full {
		limit = max(min(s.MinConn, limit), busy*limit/full)
	}
	if s.state.starting() {
		percent := int(100 * s.state.elapsed / s.state.slowStart)
		limit = max(1, limit*percent/100)
	}
	return limit
}

// newServers numbers the servers as HAProxy does: those without an ID get the next
// that is free, and one is passed over for each server that has one.
func newServers(p *Pool, configs []ServerConfig) ([]*Server, error) {
	names, ids := make(map[string]bool, len(configs)), make(map[int]string, len(configs))
	for _, c := range configs {
		if names[c.Name] {
			return nil, fmt.Errorf("two servers named %q", c.Name)
		}
		names[c.Name] = true
		if c.ID == 0 {
			continue
		}
		if other, twice := ids[c.ID]; twice {
			return nil, fmt.Errorf("servers %q and %q both have id %d", other, c.Name, c.ID)
		}
		ids[c.ID] = c.Name
	}
	servers, next := make([]*Server, len(configs)), 0
	for i, c := range configs {
		next++
		for ids[next] != "" && c.ID == 0 {
			next++
		}
		if c.ID == 0 {
			c.ID = next
		}
		c.limits()
		servers[i] = &Server{ServerConfig: c, Index: i, pool: p}
	}
	return servers, nil
}

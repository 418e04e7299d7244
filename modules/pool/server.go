// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"time"
)

// ServerConfig is the configuration of a server.
type ServerConfig struct {
	// Name is unique within the backend. It keeps the server's counts across reloads, whatever its
	// address.
	Name string
	// Address is host:port, or whatever else the pool's user connects to.
	Address string
	// Resolvable allows Registry.Resolve to set the address. With Awaits, the server is in maintenance
	// before that.
	Resolvable, Awaits bool
	// Naming is for the pool's user.
	Naming
	// ID is HAProxy's id: the order of policy first, and the position on a consistent hash ring. 0:
	// the server's position in the configuration, from 1, or the next free number.
	ID int
	// Weight is 0 to MaxWeight; a server of weight 0 gets no new connections.
	Weight int
	// Backup reserves the server for when no other is usable.
	Backup bool
	// Disabled puts the server into maintenance.
	Disabled bool
	// MaxConn is the maximum number of concurrent connections; 0: no limit.
	MaxConn int
	// MinConn is the limit while the backend has little load. It grows in proportion to the backend's
	// connections, served and queued, and reaches MaxConn at Config.FullConn. 0: MaxConn.
	MinConn int
	// MaxQueue is the maximum number of requests queued for this server, if the policy allows them no
	// other; 0: no limit.
	MaxQueue int
	// SlowStart is the time in which a server that has come back up grows to its full weight and
	// limit, rounded up to whole seconds.
	SlowStart time.Duration

	HealthConfig
}

// limits normalizes MinConn and MaxConn as HAProxy does.
func (c *ServerConfig) limits() {
	switch {
	case c.MinConn >= c.MaxConn:
		c.MaxConn = c.MinConn
	case c.MinConn == 0:
		c.MinConn = c.MaxConn
	}
}

// Server is a server as one configuration sees it. Its configuration does not change; its counts
// are shared with all other configurations that have a server of that name. It is safe for
// concurrent use.
type Server struct {
	ServerConfig
	// Index is the server's position in the configuration, from 0.
	Index int

	pool  *Pool
	state *state        // replaced only after the configuration has ended
	base  *ServerConfig // the configured one, if some of it was changed at run time; or nil

	forSessions *Server // see detached
}

// detached returns a copy of the server for sessions, without references to the rest of the
// configuration: a session must not keep an old configuration in memory. All sessions share one
// copy. The backend must be locked.
func (s *Server) detached() *Server {
	if s.forSessions == nil || s.forSessions.state != s.state {
		d := &Server{ServerConfig: s.ServerConfig, Index: s.Index, state: s.state}
		d.Check, d.Agent, d.forSessions = nil, nil, d
		s.forSessions = d
	}
	return s.forSessions
}

// Sessions returns the number of leases now held.
func (s *Server) Sessions() int64 { return s.state.sessions.Load() }

// Queued returns the number of requests queued for this server only.
func (s *Server) Queued() int64 { return s.state.queued.Load() }

// Taken returns the number of leases since the start.
func (s *Server) Taken() uint64 { return s.state.counts.taken.Load() }

// Failed returns the number of failed attempts to reach the server.
func (s *Server) Failed() uint64 { return s.state.counts.failed.Load() }

// CanServe reports whether the server has a free slot and no queue: a new connection could be
// served at once without overtaking another. It is for policies.
func (s *Server) CanServe() bool {
	return s.maxConn() == 0 || s.Queued() == 0 && s.slotFree()
}

// CanQueue reports whether the queue of the server has room. It is for policies.
func (s *Server) CanQueue() bool { return s.MaxQueue == 0 || s.Queued() < int64(s.MaxQueue) }

func (s *Server) slotFree() bool { return s.maxConn() == 0 || s.Sessions() < int64(s.limit()) }

// maxConn returns MaxConn, or the limit that was set at run time.
func (s *Server) maxConn() int { return s.state.run.maxconn }

// dynamic reports whether the limit depends on the load of the backend.
func (s *Server) dynamic() bool { return s.MinConn < s.MaxConn }

// limit returns the limit that applies now: it grows with the backend's load and during slow start.
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

// newServers numbers the servers as HAProxy does: a server without an ID gets the next free one,
// and one number is skipped for each server that has an ID.
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

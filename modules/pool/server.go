// SPDX-License-Identifier: Apache-2.0

package pool

import "sync/atomic"

// ServerConfig is one configuration's word on a server.
type ServerConfig struct {
	// Name is unique within the backend and keeps the server's counts over
	// reloads, whatever its address.
	Name string
	// Address is host:port, or whatever else the pool's user connects to.
	Address string
	// Weight is 0 to 256; a server of weight 0 is given no connection.
	Weight int
	// Backup keeps the server for when no other is usable.
	Backup bool
	// Disabled has the server be given no connection.
	Disabled bool
}

// Server is a server as one configuration sees it. It does not change; its
// counts are shared with every other configuration that names it. It is safe
// for concurrent use.
type Server struct {
	ServerConfig
	// ID is the server's place in the configuration, from 1 (HAProxy's id).
	ID int

	state *state
}

// Sessions is how many leases are out now.
func (s *Server) Sessions() int64 { return s.state.sessions.Load() }

// Taken is how many leases were ever given.
func (s *Server) Taken() uint64 { return s.state.taken.Load() }

// Failed is how many leases came back because the server could not be reached.
func (s *Server) Failed() uint64 { return s.state.failed.Load() }

// Outcome is what became of a lease.
type Outcome uint8

// The outcomes of a lease.
const (
	// Served: the connection was made; how it ended later is not the pool's.
	Served Outcome = iota
	// ConnectFailed: the server could not be reached.
	ConnectFailed
	// NotTried: there was no attempt to reach the server, so nothing was
	// learned about it.
	NotTried
)

// Lease is one connection's hold on a server.
type Lease struct {
	Server *Server

	state    *state
	released atomic.Bool
}

// Release gives the server back. Only the first call counts. It is safe for
// concurrent use.
func (l *Lease) Release(o Outcome) {
	if l.released.Swap(true) {
		return
	}
	if o == ConnectFailed {
		l.state.failed.Add(1)
	}
	l.state.sessions.Add(-1)
	l.state.release()
}

// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// Load is the current load of a backend, and its free capacity.
type Load struct {
	// Usable is the number of servers that new connections are spread over. These are backups if no
	// other server is usable, and only the first backup without Config.AllBackups. It is HAProxy's
	// nbsrv.
	Usable int
	// Waiting is the number of queued requests. It is HAProxy's queue.
	Waiting int
	// Free is the number of free slots of the usable servers; -1: unlimited. It is HAProxy's
	// be_conn_free.
	Free int
	// Slots is the number of connections that the servers that are up could still serve or queue; -1
	// if one of them has no MaxConn or no MaxQueue. It is HAProxy's connslots.
	Slots int
}

// Load returns the load of a backend, or false if no backend of that name serves.
func (r *Registry) Load(backend string) (Load, bool) {
	b := r.serving(backend)
	if b == nil {
		return Load{}, false
	}
	defer b.unlock()
	l := Load{Usable: len(b.view.Servers), Waiting: b.busy - b.served}
	for _, s := range b.view.Servers {
		if s.maxConn() == 0 {
			l.Free = -1
			break
		}
		l.Free += s.freeSlots()
	}
	for _, s := range b.pool.Servers() {
		if !s.state.now.up() {
			continue
		}
		if s.maxConn() == 0 || s.MaxQueue == 0 {
			l.Slots = -1
			break
		}
		l.Slots += s.maxConn() - int(s.Sessions()) + s.MaxQueue - int(s.Queued())
	}
	return l, true
}

// ServerLoad is the current state of a server, and its load.
type ServerLoad struct {
	// Up reports whether the server is neither in maintenance nor down by its own checks. It is
	// HAProxy's srv_is_up.
	Up bool
	// ID is the server's number.
	ID int
	// Sessions is the number of the server's connections, Queued the number of requests queued for it
	// only.
	Sessions, Queued int
	// Free is the number of free slots; -1: unlimited.
	Free int
	// Weight is the weight now, ConfiguredWeight that of the configuration, and EffectiveWeight is
	// Weight reduced by slow start.
	Weight, ConfiguredWeight, EffectiveWeight int
	// Rate is the number of connections that the server has got in the last second. It is HAProxy's
	// srv_sess_rate.
	Rate int
}

// ServerLoad returns the load of a server, or false if no backend of that name serves or it has no
// such server.
func (r *Registry) ServerLoad(ref Ref) (ServerLoad, bool) {
	b := r.serving(ref.Backend)
	if b == nil {
		return ServerLoad{}, false
	}
	defer b.unlock()
	if s := b.pool.server(ref.Server); s != nil {
		return s.load(), true
	}
	return ServerLoad{}, false
}

func (s *Server) load() ServerLoad {
	l := ServerLoad{
		Up: s.state.now.admin != Maint && (s.Check == nil || !s.state.now.down),
		ID: s.ID, Sessions: int(s.Sessions()), Queued: int(s.Queued()), Free: -1,
		Weight: s.state.run.weight, ConfiguredWeight: s.Weight,
		EffectiveWeight: (s.state.share() + Scale - 1) / Scale,
		Rate:            s.state.counts.rate.PerSecond(time.Now()),
	}
	if s.maxConn() > 0 {
		l.Free = s.freeSlots()
	}
	return l
}

// freeSlots returns the number of free slots of a server with a limit.
func (s *Server) freeSlots() int { return max(0, s.limit()-int(s.Sessions())) }

// serving returns the backend of that name, locked, or nil if it does not serve.
func (r *Registry) serving(name string) *backend {
	b := r.find(name)
	if b != nil && len(b.running) == 0 {
		b.unlock()
		return nil
	}
	return b
}

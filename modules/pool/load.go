// SPDX-License-Identifier: Apache-2.0

package pool

// Load is how much a backend has to do at one time, and how much it could.
type Load struct {
	// Usable is how many servers new connections are spread over: backups where no other
	// server is usable, and of these only the first without Config.AllBackups. It is
	// HAProxy's nbsrv.
	Usable int
	// Waiting is how many requests wait for a server. It is HAProxy's queue.
	Waiting int
	// Free is how many more connections the servers that Usable counts have room for; -1:
	// any number. It is HAProxy's be_conn_free.
	Free int
	// Slots is how many more connections the servers that are up could serve or have wait;
	// -1 where one of them has no MaxConn or no MaxQueue. It is HAProxy's connslots.
	Slots int
}

// Load returns the load of a backend; false: none of that name serves.
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
	for _, s := range b.pool.servers {
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

// ServerLoad is how a server stands at one time, and how much it has to do.
type ServerLoad struct {
	// Up reports whether the server is neither in maintenance nor found to be down by its
	// own checks. It is HAProxy's srv_is_up.
	Up bool
	// ID is the number of the server.
	ID int
	// Sessions are the connections that the server has, Queued the requests that wait for
	// it alone.
	Sessions, Queued int
	// Free is how many more connections the server has room for; -1: any number.
	Free int
	// Weight is the one that counts now, ConfiguredWeight the configuration's, and
	// EffectiveWeight is Weight, or less while the server starts slowly.
	Weight, ConfiguredWeight, EffectiveWeight int
}

// ServerLoad returns the load of a server; false: no backend of that name serves, or
// it has no such server.
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
	}
	if s.maxConn() > 0 {
		l.Free = s.freeSlots()
	}
	return l
}

// freeSlots is how many more connections a server with a limit has room for.
func (s *Server) freeSlots() int { return max(0, s.limit()-int(s.Sessions())) }

// serving finds a backend that serves, and locks it; nil: there is none.
func (r *Registry) serving(name string) *backend {
	b := r.find(name)
	if b != nil && len(b.running) == 0 {
		b.unlock()
		return nil
	}
	return b
}

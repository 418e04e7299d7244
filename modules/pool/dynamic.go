// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Errors of Registry.Add and Registry.Remove.
var (
	ErrServerExists = errors.New("the backend has a server of that name")
	ErrFixedServers = errors.New("the policy needs all servers from the start: expected a dynamic one, such as roundrobin or leastconn")
	ErrNotInMaint   = errors.New("the server is not in maintenance")
	ErrInUse        = errors.New("the server still has connections, or requests that are queued for it")
	ErrTracked      = errors.New("other servers track this one")
)

// FixedServers is implemented by policies that need all servers from the start: HAProxy's static
// algorithms.
type FixedServers interface{ FixedServers() bool }

// Added is a server that was added at run time.
type Added struct {
	Name string
	// Spec is for Config.Added.
	Spec any
	// Over is the address of the configured server of that name which was removed before; or empty.
	Over string

	mark
}

// removedServer is a server of the configuration that was removed at run time.
type removedServer struct {
	address string
	mark
}

// dynamic holds the servers that were added to a backend at run time, and those that were removed.
// It outlives configurations.
type dynamic struct {
	added   []Added
	states  []*state                 // of added, each with a reference
	removed map[string]removedServer // servers of the configuration, by name
}

// hides reports whether a configured server was removed.
func (d *dynamic) hides(c *ServerConfig) bool {
	gone, removed := d.removed[c.Name]
	return removed && gone.address == c.Address
}

// index returns the index of an added server, or -1.
func (d *dynamic) index(name string) int {
	return slices.IndexFunc(d.added, func(a Added) bool { return a.Name == name })
}

// Added returns the servers that were added to a backend, in order.
func (r *Registry) Added(backend string) []Added {
	b := r.find(backend)
	if b == nil {
		return nil
	}
	defer b.unlock()
	return slices.Clone(b.dynamic.added)
}

// Add adds a server to a backend, in maintenance. spec is for Config.Added, also that of later
// configurations; by says where it comes from. The error is ErrNoBackend, ErrServerExists,
// ErrFixedServers, or that of Config.Added.
func (r *Registry) Add(backend, name string, spec any, by string) error {
	b := r.serving(backend)
	if b == nil {
		return ErrNoBackend
	}
	defer b.unlock()
	p := b.pool
	if f, ok := p.policy.(FixedServers); ok && f.FixedServers() {
		return ErrFixedServers
	}
	if p.added == nil || p.server(name) != nil {
		return ErrServerExists
	}
	a := Added{name, spec, b.dynamic.removed[name].address, mark{by, time.Now()}}
	s, err := b.addedServer(a)
	if err != nil {
		return err
	}
	b.dynamic.added, b.dynamic.states = append(b.dynamic.added, a), append(b.dynamic.states, s.state)
	s.state.run.admin = Maint
	b.serve(append(slices.Clone(p.Servers()), s))
	return nil
}

// addedServer returns an added server in the pool that serves, and takes a reference to its state.
func (b *backend) addedServer(a Added) (*Server, error) {
	c, err := b.pool.added(a.Spec)
	if err != nil {
		return nil, err
	}
	if c.ID, err = b.freeID(c.ID); err != nil {
		return nil, err
	}
	c.limits()
	s := &Server{ServerConfig: c, pool: b.pool, state: b.hold(a.Name)}
	s.state.server = s
	s.state.configure(&s.ServerConfig)
	return s, nil
}

// freeID returns an ID that no server of the pool that serves has: the wanted one, or for 0 the
// lowest.
func (b *backend) freeID(wanted int) (int, error) {
	used := make(map[int]string)
	for _, s := range b.pool.Servers() {
		used[s.ID] = s.Name
	}
	if other := used[wanted]; other != "" {
		return 0, errors.New("id " + portText(wanted) + " is that of server " + other + ": expected another one")
	}
	for n := 1; wanted == 0; n++ {
		if used[n] == "" {
			wanted = n
		}
	}
	return wanted, nil
}

// Remove removes a server from a backend, of the configuration or added. Later configurations do
// not have it either, until its configured address changes. The error is ErrNoBackend,
// ErrNoSuchServer, ErrNotInMaint, ErrInUse or ErrTracked.
func (r *Registry) Remove(ref Ref, by string) error {
	b, s, err := r.locked(ref)
	if err != nil {
		return err
	}
	defer b.unlock()
	switch {
	case s.state.run.admin != Maint:
		return ErrNotInMaint
	case r.isTracked(ref):
		return ErrTracked
	case s.Sessions() > 0 || s.Queued() > 0:
		return ErrInUse
	}
	if i := b.dynamic.index(s.Name); i >= 0 {
		b.dropAdded(i)
	} else {
		if b.dynamic.removed == nil {
			b.dynamic.removed = make(map[string]removedServer)
		}
		b.dynamic.removed[s.Name] = removedServer{s.configured().Address, mark{by, time.Now()}}
	}
	s.state.server = nil
	b.serve(slices.DeleteFunc(slices.Clone(b.pool.Servers()), func(o *Server) bool { return o == s }))
	// A later server of that name begins anew.
	s.state.adjustment, s.state.marks, s.state.known = Adjustment{}, nil, false
	return nil
}

// dropAdded forgets an added server.
func (b *backend) dropAdded(i int) {
	d := &b.dynamic
	s := d.states[i]
	if s.server != nil {
		s.server = nil
	}
	b.stopUnwantedLoops()
	b.release(s)
	d.added, d.states = slices.Delete(d.added, i, i+1), slices.Delete(d.states, i, i+1)
}

// serve makes a list those of the pool that serves, with its servers in their places.
func (b *backend) serve(list []*Server) {
	b.place(list)
	b.rebuild(cause{Result: Result{Code: CodeManual}})
	b.updateLoops()
	b.registry.registerTrackers(b.name, list)
	for _, s := range list {
		if s.Track != (Ref{}) {
			b.afterUnlock(func() { b.registry.inherit(Ref{b.name, s.Name}, s.Track) })
		}
	}
}

// place stores a list in the pool that serves. Servers whose index changes are replaced by copies.
func (b *backend) place(list []*Server) {
	for i, s := range list {
		if s.Index == i {
			continue
		}
		moved := &Server{ServerConfig: s.ServerConfig, base: s.base, Index: i, pool: s.pool, state: s.state}
		if s.state.server == s {
			s.state.server = moved
		}
		list[i] = moved
	}
	b.pool.servers.Store(&list)
}

// applyDynamic gives a pool that begins to serve the servers that were added, and takes those that
// were removed from it. A server of the configuration replaces an added one of its name.
func (b *backend) applyDynamic() {
	p, d := b.pool, &b.dynamic
	var list []*Server
	for _, s := range p.original {
		if d.hides(&s.ServerConfig) {
			s.state.server = nil
			continue
		}
		delete(d.removed, s.Name)
		if i := d.index(s.Name); i >= 0 {
			if _, set := s.state.marks["admin"]; !set {
				s.state.run.admin = Ready // it has not been enabled yet
			}
			b.dropAdded(i)
		}
		list = append(list, s)
	}
	b.place(slices.Clone(list))
	for i := 0; i < len(d.added); {
		s, err := b.addedServer(d.added[i])
		if err != nil { // the configuration does not allow it any more
			b.dropAdded(i)
			continue
		}
		b.release(s.state) // d.states has a reference
		list = append(list, s)
		b.place(slices.Clone(list))
		i++
	}
}

// dropDynamic forgets added and removed servers: no configuration has the backend.
func (b *backend) dropDynamic() {
	for len(b.dynamic.added) > 0 {
		b.dropAdded(0)
	}
	b.dynamic = dynamic{}
}

// overrides returns an entry for each added and removed server.
func (d *dynamic) overrides(backend string) (all []Override) {
	for _, name := range slices.Sorted(maps.Keys(d.removed)) {
		if gone := d.removed[name]; d.index(name) < 0 {
			all = append(all, Override{Ref{backend, name}, "removed", gone.address, "", gone.by, gone.at})
		}
	}
	for i, a := range d.added {
		if s := d.states[i].server; s != nil {
			all = append(all, Override{Ref{backend, a.Name}, "added", a.Over, s.configured().Address, a.by, a.at})
		}
	}
	return all
}

// restore brings a configured server back that was removed. It reports whether there is one.
func (r *Registry) restore(ref Ref) bool {
	b := r.serving(ref.Backend)
	if b == nil {
		return false
	}
	defer b.unlock()
	if _, removed := b.dynamic.removed[ref.Server]; !removed || b.dynamic.index(ref.Server) >= 0 {
		return false
	}
	delete(b.dynamic.removed, ref.Server)
	b.use(b.pool)
	return true
}

// isTracked reports whether other servers track a server.
func (r *Registry) isTracked(ref Ref) bool {
	r.trackMu.Lock()
	defer r.trackMu.Unlock()
	return len(r.trackers[ref]) > 0
}

// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// addedServers holds what a backend has of the servers that were added at run time.
type addedServers struct {
	mu     sync.Mutex                              // held to change byName
	byName atomic.Pointer[map[string]*addedServer] // never changed in place; nil: none were added
	asks   atomic.Bool                             // some header depends on bytes of the client
}

// addedServer is a server that was added, prepared for one configuration of its backend.
type addedServer struct {
	spec, server *Server
	socket       *relay.SocketOptions // nil: none
	header       *ProxyHeader         // nil: none
	config       pool.ServerConfig
}

// added returns the server of that name, if it was added; or nil.
func (b *Backend) added(name string) *addedServer {
	if b.extra == nil {
		return nil
	}
	all := b.extra.byName.Load()
	if all == nil {
		return nil
	}
	return (*all)[name]
}

// set stores a server under its name; nil removes it.
func (x *addedServers) set(name string, a *addedServer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := make(map[string]*addedServer)
	if before := x.byName.Load(); before != nil {
		maps.Copy(all, *before)
	}
	if all[name] = a; a == nil {
		delete(all, name)
	} else if a.header != nil && a.header.NeedsRequest() {
		x.asks.Store(true)
	}
	x.byName.Store(&all)
}

// AddServer adds a server to a backend of the configuration that runs, in maintenance. It is
// validated as one of the configuration, with the options of the backend. Later configurations have
// it, too, until it is removed, or they have one of its name. It is HAProxy's add server. The error
// is pool.ErrNoBackend, pool.ErrFixedServers, pool.ErrServerExists, or describes an invalid value.
func AddServer(backend string, spec Server, by string) error {
	app := serving.Load()
	b := app.backend(backend)
	if b == nil {
		return pool.ErrNoBackend
	}
	if b.added(spec.Name) != nil || b.pool.Has(spec.Name) {
		return pool.ErrServerExists
	}
	prepared, err := b.prepare(&spec)
	if err != nil {
		return err
	}
	if spec.Track != "" {
		if err := app.validateTracking(b, &spec); err != nil {
			return fmt.Errorf("track %s: %w", spec.Track, err)
		}
	}
	b.extra.set(spec.Name, prepared)
	if err := registry.Add(backend, spec.Name, &spec, by); err != nil {
		b.extra.set(spec.Name, nil)
		return err
	}
	return nil
}

// RemoveServer removes a server from a backend. It must be in maintenance, and have neither
// connections nor trackers. Later configurations do not have it either, until its configured
// address changes. It is HAProxy's del server. The error is one of package pool.
func RemoveServer(backend, server, by string) error {
	if err := registry.Remove(pool.Ref{Backend: backend, Server: server}, by); err != nil {
		return err
	}
	if b := serving.Load().backend(backend); b != nil && b.added(server) != nil {
		b.extra.set(server, nil)
	}
	return nil
}

// addedConfig returns the pool's configuration of a server that was added. It is meant for
// pool.Config.
func (b *Backend) addedConfig(spec any) (pool.ServerConfig, error) {
	s := spec.(*Server)
	if known := b.added(s.Name); known != nil && known.spec == s {
		return known.config, nil
	}
	prepared, err := b.prepare(s) // it was added after this configuration was loaded
	if err != nil {
		return pool.ServerConfig{}, err
	}
	b.extra.set(s.Name, prepared)
	return prepared.config, nil
}

// prepareAdded prepares the servers that were added to the backend before this configuration.
func (b *Backend) prepareAdded() {
	b.extra = new(addedServers)
	for _, a := range registry.Added(b.name) {
		if s := b.serverNamed(a.Name); s != nil && s.Address != a.Over { // this one replaces it
			continue
		}
		if prepared, err := b.prepare(a.Spec.(*Server)); err == nil { // else the pool drops it
			b.extra.set(a.Name, prepared)
		}
	}
}

// prepare validates a server that is to be added, and provisions a copy of it.
func (b *Backend) prepare(spec *Server) (a *addedServer, err error) {
	s := *spec
	s.inherit(&b.NameOptions)
	if DependsOnClient(s.Address) {
		return nil, fmt.Errorf("address %q: expected one that does not depend on the client", s.Address)
	}
	if s.Check != nil {
		s.Check = new(*s.Check)
	}
	if s.Agent != nil {
		s.Agent = new(*s.Agent)
	}
	if err := cmp.Or(s.validate(), b.validateHealth(&s), b.validateMinConn(&s)); err != nil {
		return nil, err
	}
	a = &addedServer{spec: spec, server: &s}
	if a.socket, err = b.openSocketOptions(&s, make(map[string]*netns.Namespace)); err != nil {
		return nil, err
	}
	if err := a.socket.Permitted(); err != nil {
		return nil, fmt.Errorf("transparent %s: %w: expected the capability CAP_NET_ADMIN", b.socketOf(&s).Transparent, err)
	}
	if a.header, err = b.loadHeader(&s, new(sample.Loader)); err != nil {
		return nil, err
	}
	ctx := detachedContext()
	if err := cmp.Or(wrapAbout("check", s.Check.provision(ctx)), wrapAbout("agent", s.Agent.provision(ctx))); err != nil {
		return nil, err
	}
	a.config = s.config()
	a.config.HealthConfig = b.healthConfigWith(&s, a.socket, a.header)
	return a, nil
}

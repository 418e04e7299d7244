// SPDX-License-Identifier: Apache-2.0

// Package stick holds the configuration of stick tables, and their life across reloads: a
// configuration that is refused leaves no trace, and one that runs changes the tables that exist.
// It also shows, sets and clears entries, for users at run time.
package stick

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Registry keeps tables by name, as long as a configuration uses them. The zero value is ready to
// use. It is safe for concurrent use.
type Registry struct {
	mu     sync.Mutex
	shared map[string]*shared
}

// shared is a table of all configurations that use its name.
type shared struct {
	current atomic.Pointer[tables.Table]
	sharing atomic.Pointer[sharing] // nil: no other nodes share it
	users   int
}

// Handle is a table as one configuration sees it.
type Handle struct {
	registry *Registry
	name     string
	config   tables.Config
	store    Store // nil: none
	shared   *shared
	closed   bool // guarded by the registry's lock
}

// Open returns the table of that name. If there is one, it does not change before Activate, so a
// configuration that fails to load leaves no trace. Close must be called when the configuration is
// no longer used.
func (r *Registry) Open(name string, c tables.Config) *Handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shared[name]
	if s == nil {
		if r.shared == nil {
			r.shared = make(map[string]*shared)
		}
		s = new(shared)
		s.current.Store(tables.New(c))
		r.shared[name] = s
	}
	s.users++
	return &Handle{registry: r, name: name, config: c, shared: s}
}

// Table returns the table of that name, or nil.
func (r *Registry) Table(name string) *tables.Table {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.shared[name]; s != nil {
		return s.current.Load()
	}
	return nil
}

// Names returns the names of all tables, sorted.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.shared))
}

// Table returns the table.
func (h *Handle) Table() *tables.Table { return h.shared.current.Load() }

// Activate makes the table what this configuration says, with the entries that it has. A table
// whose keys cannot be kept is replaced by an empty one; what sessions hold of it stays.
func (h *Handle) Activate() {
	h.registry.mu.Lock()
	defer h.registry.mu.Unlock()
	if h.closed {
		return
	}
	if !h.shared.current.Load().Reconfigure(h.config) {
		h.shared.current.Store(tables.New(h.config))
	}
	h.share()
}

// Close ends the configuration's hold on the table. It is idempotent.
func (h *Handle) Close() {
	h.registry.mu.Lock()
	defer h.registry.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	if h.shared.users--; h.shared.users == 0 {
		h.shared.endSharing()
		delete(h.registry.shared, h.name)
	}
}

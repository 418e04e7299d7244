// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Frontend is a snapshot of a frontend.
type Frontend struct {
	Name string
	*frontend.Metrics
	Listeners []frontend.ListenerMetrics
}

// Frontends returns the frontends, sorted by name.
func Frontends() (all []Frontend) {
	listeners := make(map[string][]frontend.ListenerMetrics)
	for _, l := range frontend.AllListeners() {
		listeners[l.Frontend] = append(listeners[l.Frontend], l)
	}
	for name, m := range frontend.AllMetrics() {
		all = append(all, Frontend{name, m, listeners[name]})
	}
	slices.SortFunc(all, func(a, b Frontend) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Backend is a snapshot of a backend and its servers.
type Backend struct {
	pool.BackendStatus
	// Load counts connections without a server, too.
	Load frontend.Load
}

// Backends returns the backends, sorted by name.
func Backends() (all []Backend) {
	for _, b := range balancer.Registry().Backends() {
		all = append(all, Backend{b, frontend.BackendLoad(b.Name)})
	}
	return all
}

// BackendOf returns a backend.
func BackendOf(name string) (Backend, error) {
	if b, ok := balancer.Registry().Backend(name); ok {
		return Backend{b, frontend.BackendLoad(name)}, nil
	}
	return Backend{}, unknown("backend %q: %w", name, pool.ErrNoBackend)
}

// ServerOf returns a server.
func ServerOf(backend, server string) (*pool.ServerStatus, error) {
	b, err := BackendOf(backend)
	if err != nil {
		return nil, err
	}
	for i := range b.Servers {
		if b.Servers[i].Name == server {
			return &b.Servers[i], nil
		}
	}
	return nil, unknown("server %s/%s: %w", backend, server, pool.ErrNoSuchServer)
}

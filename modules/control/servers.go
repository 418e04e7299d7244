// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// ServerChange is a change of a server. Fields that are nil or empty change nothing.
type ServerChange = pool.Change

// ChangeServer changes a server of the configuration that runs, and returns the changed values. It
// is HAProxy's set server. What it sets lasts until the configured value changes; health, until
// checks find otherwise. The kind of the error is ErrUnknown, ErrConflict (pool.ErrTracks,
// pool.ErrNoAgent, pool.ErrNoCheck) or ErrInvalid; on error nothing changes.
func ChangeServer(by Origin, backend, server string, c ServerChange) ([]pool.Changed, error) {
	c.By = string(by)
	changed, err := balancer.Registry().Change(backend, server, c)
	if err != nil {
		return nil, serverFailure(backend, server, err)
	}
	reportServer(by, backend, server, changed)
	return changed, nil
}

func reportServer(by Origin, backend, server string, changed []pool.Changed) {
	for _, v := range changed {
		report(RuntimeChange{By: by, Backend: backend, Server: server, Changed: v})
	}
}

// serverFailure returns an error of a change of a server.
func serverFailure(backend, server string, err error) error {
	if errors.Is(err, pool.ErrNoBackend) {
		return unknown("backend %q: %w", backend, err)
	}
	return &failure{fmt.Errorf("server %s/%s: %w", backend, server, err), kindOf(err)}
}

// AddServer adds a server to a backend, in maintenance, with its checks on. Its options are
// validated as those of a configured one; those of the backend apply, too. It outlives reloads
// until it is removed or the configuration has one of its name. It is HAProxy's add server. The
// kind of the error is ErrUnknown, ErrConflict (pool.ErrServerExists, pool.ErrFixedServers) or
// ErrInvalid.
func AddServer(by Origin, backend string, s balancer.Server) error {
	if err := balancer.AddServer(backend, s, string(by)); err != nil {
		return serverFailure(backend, s.Name, err)
	}
	reportServer(by, backend, s.Name, []pool.Changed{{Key: "added", To: s.Address}})
	return nil
}

// RemoveServer removes a server from a backend: one that was added, or one of the configuration,
// which stays away over reloads until its configured address changes or the override is dropped. It
// is HAProxy's del server. The kind of the error is ErrUnknown or ErrConflict (pool.ErrNotInMaint,
// pool.ErrInUse, pool.ErrTracked).
func RemoveServer(by Origin, backend, server string) error {
	if err := balancer.RemoveServer(backend, server, string(by)); err != nil {
		return serverFailure(backend, server, err)
	}
	reportServer(by, backend, server, []pool.Changed{{Key: "removed"}})
	return nil
}

// CheckHistory returns the last checks of a server, oldest first: those of its health, and those of
// its agent. The kind of the error is ErrUnknown.
func CheckHistory(backend, server string) (checks, agent []pool.CheckRecord, err error) {
	if checks, agent, err = balancer.Registry().CheckHistory(pool.Ref{Backend: backend, Server: server}); err != nil {
		return nil, nil, serverFailure(backend, server, err)
	}
	return checks, agent, nil
}

// kindOf returns the kind of an error of a change.
func kindOf(err error) error {
	if errors.Is(err, pool.ErrNoSuchServer) || errors.Is(err, pool.ErrNoBackend) {
		return ErrUnknown
	}
	for _, conflict := range []error{
		pool.ErrTracks, pool.ErrNoAgent, pool.ErrNoCheck,
		pool.ErrServerExists, pool.ErrFixedServers, pool.ErrNotInMaint, pool.ErrInUse, pool.ErrTracked,
	} {
		if errors.Is(err, conflict) {
			return ErrConflict
		}
	}
	return ErrInvalid
}

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

// ChangeServer changes a server of the configuration that runs, and reports what has changed. It is
// HAProxy's set server. What it sets lasts until the configured value changes; health, until checks
// find otherwise. The kind of the error is ErrUnknown, ErrConflict (pool.ErrTracks, pool.ErrNoAgent,
// pool.ErrNoCheck) or ErrInvalid; on error nothing changes.
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
	switch {
	case errors.Is(err, pool.ErrNoSuchServer), errors.Is(err, pool.ErrNoBackend):
		return ErrUnknown
	case errors.Is(err, pool.ErrTracks), errors.Is(err, pool.ErrNoAgent), errors.Is(err, pool.ErrNoCheck):
		return ErrConflict
	default:
		return ErrInvalid
	}
}

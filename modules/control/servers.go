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
// HAProxy's set server. The kind of the error is ErrUnknown, ErrConflict (the server tracks another
// one, or has no agent) or ErrInvalid; on error nothing changes.
func ChangeServer(by Origin, backend, server string, c ServerChange) ([]pool.Changed, error) {
	changed, err := balancer.Registry().Change(backend, server, c)
	if errors.Is(err, pool.ErrNoBackend) {
		return nil, unknown("backend %q: %w", backend, err)
	}
	if err != nil {
		return nil, &failure{fmt.Errorf("server %s/%s: %w", backend, server, err), kindOf(err)}
	}
	for _, v := range changed {
		report(RuntimeChange{By: by, Backend: backend, Server: server, Changed: v})
	}
	return changed, nil
}

// kindOf returns the kind of an error of a change.
func kindOf(err error) error {
	switch {
	case errors.Is(err, pool.ErrNoSuchServer), errors.Is(err, pool.ErrNoBackend):
		return ErrUnknown
	case errors.Is(err, pool.ErrTracks), errors.Is(err, pool.ErrNoAgent):
		return ErrConflict
	default:
		return ErrInvalid
	}
}

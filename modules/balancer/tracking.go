// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// tracked returns the server that s, a server of the backend, tracks.
func (s *Server) tracked(backend string) pool.Ref {
	if s.Track == "" {
		return pool.Ref{}
	}
	if other, server, both := strings.Cut(s.Track, "/"); both {
		return pool.Ref{Backend: other, Server: server}
	}
	return pool.Ref{Backend: backend, Server: s.Track}
}

// validateTracks reports servers that track a missing server, or themselves.
func (a *App) validateTracks(b *Backend) error {
	for i, s := range b.Servers {
		if s.Track == "" {
			continue
		}
		if err := a.validateTracking(b, s); err != nil {
			return b.atServer(i, fmt.Errorf("backend %q: server %d %q: track %s: %w", b.name, i+1, s.Name, s.Track, err))
		}
	}
	return nil
}

func (a *App) validateTracking(b *Backend, s *Server) error {
	for seen := make(map[pool.Ref]bool); s.Track != ""; {
		to := s.tracked(b.name)
		if seen[to] {
			return errors.New("tracking is circular")
		}
		seen[to] = true
		if to.Backend != b.name {
			other, err := a.Backend(to.Backend)
			if err != nil {
				return err
			}
			b = other
		}
		i := slices.IndexFunc(b.Servers, func(o *Server) bool { return o.Name == to.Server })
		if i < 0 {
			var known []string
			for _, o := range b.Servers {
				known = append(known, o.Name)
			}
			return fmt.Errorf("backend %q has no server %q%s", b.name, to.Server, options.Suggest(to.Server, known))
		}
		s = b.Servers[i]
	}
	if b.checkOf(s) == nil && b.agentOf(s) == nil {
		return fmt.Errorf("server %s/%s has neither check nor agent", b.name, s.Name)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// HandOver passes the addresses of a configuration that is about to stop to the next one, if that
// has them as well: from now on it gets their connections. ctx is of the configuration that stops;
// its listeners stay open until they are closed.
func HandOver(ctx context.Context) {
	config, ok := lifecycle.ConfigOf(ctx)
	if !ok {
		return
	}
	socketsMu.Lock()
	defer socketsMu.Unlock()
	for _, s := range sockets {
		s.handOver(config)
	}
}

// handOver ends the use of a configuration, if there is another. The caller holds socketsMu.
func (s *socket) handOver(config lifecycle.Config) {
	of := func(u *listener) bool { return u.hasConfig && u.config == config }
	others := func(u *listener) bool { return !of(u) }
	if s.inShutdown.Load() || !slices.ContainsFunc(s.users, of) || !slices.ContainsFunc(s.users, others) {
		return
	}
	s.retire(of)
	s.activateOldest()
}

// retire removes users: their listeners stay open and get nothing from then on. The caller holds
// socketsMu.
func (s *socket) retire(these func(*listener) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = slices.DeleteFunc(s.users, func(u *listener) bool {
		if these(u) {
			u.active = false
		}
		return these(u)
	})
}

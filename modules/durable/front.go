// SPDX-License-Identifier: Apache-2.0

package durable

import "slices"

// A front and another listener of its configuration have one address: the front gets the fresh
// connections, the other one those that the front passes on. They begin and end together: both get
// nothing until both of the configuration before them have been replaced, and when one of them
// closes in a reload, both are.

// joinFront finds the front and the other listener of a configuration, when a user has been added.
// The caller holds socketsMu.
func (s *socket) joinFront(l *listener) {
	if !l.hasConfig {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.config != l.config || u.options.Front == l.options.Front {
			continue
		}
		u.paired, u.behind = true, !u.options.Front
		l.paired, l.behind = true, !l.options.Front
	}
}

// retireWith ends the use of a front with that of the listener behind it, and the other way round,
// if another configuration takes over: a half of them would keep connections from it. l has been
// removed. The caller holds socketsMu.
func (s *socket) retireWith(l *listener) {
	others := func(u *listener) bool { return u.config != l.config }
	if !l.paired || s.inShutdown.Load() || !slices.ContainsFunc(s.users, others) {
		return
	}
	s.retire(func(u *listener) bool { return u.config == l.config })
}

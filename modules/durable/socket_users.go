// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// addUser adds a user. The caller holds socketsMu.
func (s *socket) addUser(ctx context.Context, o socketOptions) *listener {
	l := newListener(ctx, s, o)
	s.removeEndedUsers()
	s.users = append(s.users, l)
	s.joinFront(l)
	s.addListener(l)
	s.activateOldest()
	l.unwatchContext = context.AfterFunc(ctx, l.detach)
	if config, ok := lifecycle.ConfigOf(ctx); ok {
		go func() {
			if config.Await(ctx) {
				socketsMu.Lock()
				defer socketsMu.Unlock()
				s.startInOrder()
			}
		}()
	}
	return l
}

// startInOrder starts the socket after those of running configurations that outrank it: before they
// serve, it would serve the connections to them that are in its queue. The caller holds socketsMu.
func (s *socket) startInOrder() {
	all := []*socket{s}
	if s.above > 0 {
		for _, other := range families[s.key.family()] {
			if other.key.outranks(s.key) && other.hasRunningUser() {
				all = append(all, other)
			}
		}
	}
	slices.SortFunc(all, func(a, b *socket) int { return b.key.rank() - a.key.rank() })
	for _, next := range all {
		next.start()
	}
}

// startPort starts the other sockets of the port that wait, of running configurations other than
// l's, so that they listen when the load of the configuration returns. The caller holds socketsMu.
func (s *socket) startPort(l *listener) {
	if s.key.kind != ofTCP {
		return
	}
	f := s.key.family()
	for _, f.ipv4 = range []bool{true, false} {
		for _, other := range families[f] {
			if other != s && other.isWaiting() && other.hasOtherRunningUser(l) {
				other.startInOrder()
			}
		}
	}
}

// isWaiting reports whether no configuration that uses the socket has run yet.
func (s *socket) isWaiting() bool {
	select {
	case <-s.started:
		return false
	default:
		return true
	}
}

// hasRunningUser reports whether the socket has a user of a running configuration. The caller holds
// socketsMu.
func (s *socket) hasRunningUser() bool {
	return slices.ContainsFunc(s.users, func(u *listener) bool { return !u.hasConfig || u.config.Running() })
}

// removeEndedUsers removes the users whose context has ended. They close soon, and until then would
// keep connections from the others. The caller holds socketsMu.
func (s *socket) removeEndedUsers() {
	if s.inShutdown.Load() { // then they still accept queued connections
		return
	}
	s.users = slices.DeleteFunc(s.users, func(l *listener) bool {
		if l.ctx.Err() == nil {
			return false
		}
		l.markClosed()
		return true
	})
}

// activateOldest makes the users of the oldest configuration active, so that they get connections.
// The caller holds socketsMu.
func (s *socket) activateOldest() {
	var next []*listener
	for _, l := range s.users {
		if !l.active && l.config == s.users[0].config {
			next = append(next, l)
		}
	}
	if len(next) == 0 {
		return
	}
	if err := s.kernel.configure(s.options()); err != nil {
		logger().Error("setting options of a listening socket", zap.Stringer("address", s.key), zap.Error(err))
	}
	s.mu.Lock()
	for _, l := range next {
		l.active = true
	}
	s.mu.Unlock()
	s.activeChanged()
}

// options returns the options of the active configuration: those of its front, or else of its first
// user, with the largest backlog of all. The caller holds socketsMu.
func (s *socket) options() socketOptions {
	o := s.users[0].options
	for _, l := range s.users[1:] {
		switch {
		case l.config != s.users[0].config || o.Front && !l.options.Front:
		case l.options.Front && !o.Front:
			o = l.options
		default:
			o.Backlog = largerBacklog(o.Backlog, l.options.Backlog)
		}
	}
	return o
}

// removeUser removes a user. If it was the last one, the kernel socket is closed when removeUser
// returns, and l's Accept still returns the connections not yet taken. If the process is shutting
// down or other sockets take the address over, the kernel socket closes later and removeUser
// returns false.
func (s *socket) removeUser(l *listener) (closed bool) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	i := slices.Index(s.users, l)
	if i < 0 { // removed by removeEndedUsers
		return true
	}
	s.users = slices.Delete(s.users, i, i+1)
	s.removeEndedUsers()
	s.retireWith(l)
	if l.behind && s.inShutdown.Load() {
		return false
	}
	after := s.successors(l)
	s.startPort(l)
	if l.behind || slices.ContainsFunc(s.users, func(u *listener) bool { return !u.behind }) {
		l.markClosed()
		s.activateOldest()
		s.redeliver()
		return true
	}
	l.closedLast = true
	if s.inShutdown.Load() {
		return false
	}
	if len(after) > 0 {
		s.cedeAddress()
		return false
	}
	s.kernel.refuse()
	s.beginClose()
	<-s.done // run takes no lock and waits for no user before it closes done
	return true
}

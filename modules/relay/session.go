// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"sync"
)

// Session is one client and one server. The zero value is ready for Start.
type Session struct {
	mu     sync.Mutex
	engine engineSession // the engine's
	more   *extra        // nil: it has none of that
}

// extra is what a session has only at times. At rest it is two descriptors and as little
// as can be: there may be very many of them.
type extra struct {
	copied      *copied // what moves the bytes, unless the engine does
	cause       *Result // the engine's first cause that is not Closed, or what End said before Start
	engineExtra         // the engine's
}

// noExtra is what sessions have that have nothing of that. It is never written to.
var noExtra extra

// extra returns what the session has only at times, to be read.
func (s *Session) extra() *extra {
	if s.more == nil {
		return &noExtra
	}
	return s.more
}

// extend returns the same, to be written to.
func (s *Session) extend() *extra {
	if s.more == nil {
		s.more = new(extra)
	}
	return s.more
}

// shrink drops it if there is nothing of that any more.
func (s *Session) shrink() {
	if s.more != nil && *s.more == noExtra {
		s.more = nil
	}
}

// Start passes the session on to the engine, where both connections can be: then
// it returns nil. Where not, it returns what moves the bytes, for as long as the
// session takes; it is to be called once.
//
// Either way the session owns both connections. Those that it has passed on are
// closed here, and not to be used any more: the engine has their descriptors, or
// duplicates, so that nobody else learns of that.
//
// What was already read from the client is given as first; what Dial has already
// sent of it is not sent again. It is free when Start returns.
func (s *Session) Start(client, server net.Conn, first []byte, o *Options, owner Owner) (run func()) {
	if s.startOnEngine(client, server, first, o, owner) {
		_ = client.Close()
		_ = server.Close()
		return nil
	}
	c := newCopied(client, server, o, owner)
	s.mu.Lock()
	s.extend().copied = c
	early := s.more.cause
	s.mu.Unlock()
	if early != nil {
		c.end(early.Reason)
	}
	c.writeFirst(first, sentTo(server))
	return func() { owner.Ended(c.run()) }
}

// Counters are what the session has moved so far. It is safe for concurrent use.
func (s *Session) Counters() Counters {
	s.mu.Lock()
	c := s.extra().copied
	s.mu.Unlock()
	if c != nil {
		return c.counters()
	}
	return s.engine.counters()
}

// End ends the session at once; its result carries the reason. Only the first
// call counts, and only if the session has not ended otherwise. It is safe for
// concurrent use, before, during and after Start.
func (s *Session) End(reason string) {
	s.mu.Lock()
	c := s.extra().copied
	switch {
	case c != nil:
	case s.engine.isActive():
		s.endOnEngine(reason)
	case s.extra().cause == nil:
		s.extend().cause = &Result{By: Proxy, Cause: Ended, Reason: reason}
	}
	s.mu.Unlock()
	if c != nil {
		c.end(reason)
	}
}

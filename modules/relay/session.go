// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"sync"
)

// Session is one client and one server. The zero value is ready for Start and Arrive.
type Session struct {
	mu     sync.Mutex
	engine engineSession // what the engine needs; guarded by mu
	more   *extra        // what only some sessions need; nil: nothing of that
}

// extra holds what a session needs only at times. An idle session is two descriptors and as little
// memory as possible: there may be very many of them.
type extra struct {
	copied      *copied // moves the bytes, unless the engine does
	cause       *Result // the engine's first cause other than Closed, or that of an End before Start
	held        *held   // while the server's first bytes wait for a decision
	engineExtra         // the engine's part
}

// noExtra stands for a nil Session.more. It is never written to.
var noExtra extra

// extra returns the session's extra for reading.
func (s *Session) extra() *extra {
	if s.more == nil {
		return &noExtra
	}
	return s.more
}

// extend returns the session's extra for writing.
func (s *Session) extend() *extra {
	if s.more == nil {
		s.more = new(extra)
	}
	return s.more
}

// shrink drops the session's extra if it holds nothing.
func (s *Session) shrink() {
	if s.more != nil && *s.more == noExtra {
		s.more = nil
	}
}

// Start passes the session on to the engine if both connections can be served there, and returns
// nil. Otherwise it returns a function that moves the bytes for as long as the session takes; the
// caller calls it once.
//
// Either way the session owns both connections. Connections passed on to the engine are closed here
// and must no longer be used. The engine has their descriptors, or duplicates, so that the peers do
// not notice.
//
// first holds bytes already read from the client. Start does not send those again that Dial has
// sent. The caller may reuse first when Start returns.
func (s *Session) Start(client, server net.Conn, first []byte, o *Options, owner Owner) (run func()) {
	return s.StartAfterHeader(client, server, first, 0, o, owner)
}

// StartAfterHeader starts the session as Start does, but the first bytes begin with a header of the
// proxy's own. The counts leave out its bytes.
func (s *Session) StartAfterHeader(client, server net.Conn, first []byte, header int, o *Options, owner Owner) (run func()) {
	if s.startOnEngine(client, server, first, header, o, owner) {
		_ = client.Close()
		_ = server.Close()
		return nil
	}
	c := newCopied(client, server, o, owner)
	s.mu.Lock()
	s.extend().copied = c
	early := s.more.cause
	if s.more.held != nil {
		c.server.Conn = &heldConn{Conn: server, undecided: s.more.held, copied: c}
	}
	s.mu.Unlock()
	if early != nil {
		c.end(early.Reason)
	}
	c.count(&c.client, int64(-header))
	c.writeFirst(first, sentTo(server))
	return func() { owner.Ended(c.run()) }
}

// Counters returns what the session has moved so far. It is safe for concurrent use.
func (s *Session) Counters() Counters {
	s.mu.Lock()
	c := s.extra().copied
	s.mu.Unlock()
	if c != nil {
		return c.counters()
	}
	return s.engine.counters()
}

// End ends the session at once; its result carries the reason. Only the first call counts, and only
// if the session has not ended otherwise. It is safe for concurrent use, before, during and after
// Start.
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

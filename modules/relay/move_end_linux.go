// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"golang.org/x/sys/unix"
)

// errAfterEnd is the error of a connection that was reset after its other end had closed it in
// order, which may not have been read yet.
const errAfterEnd = unix.EPIPE

// checkSocketError asks for the error of a side's connection, and handles it.
func (s *Session) checkSocketError(sh *shard, of Side, now int64) {
	if code, err := getOption(int(s.engine.sides[of].fd), unix.SO_ERROR); err == nil && code != 0 {
		s.socketError(sh, of, unix.Errno(code), now)
	}
}

// socketError handles an error that the kernel reports about a side's connection although no call
// failed. A client that has finished, and whose connection is then reset, mostly has all that it
// wanted, and all that the server still has to say is its end. So an end of the server that comes
// soon decides how the session ended.
func (s *Session) socketError(sh *shard, of Side, err error, now int64) {
	es := &s.engine
	e := &es.sides[of]
	if of != Client || !e.has(gotFin) || es.sides[Server].has(readDone) {
		s.broken(sh, of, err, now)
		return
	}
	e.set(writeBroken)
	s.stall().since = now
	s.arm()
}

// broken handles a side that can no longer be written to: its connection was reset, or failed.
// Bytes that it sent before are still delivered. If it is a server that had finished in order, only
// the client's direction ends.
func (s *Session) broken(sh *shard, of Side, err error, now int64) {
	es := &s.engine
	if of == Client {
		s.decideHeld()
	}
	e, from := &es.sides[of], &es.sides[1-of]
	if of != Server || !e.has(gotFin) && err != errAfterEnd { //nolint:errorlint // an Errno
		s.setCause(Result{By: of, Cause: Reset, Err: err})
	}
	from.set(readDone)
	s.drop(sh, 1-of)
	e.set(writeBroken)
	s.stall().since = now
	if e.has(readDone) {
		s.linger(sh, 1-of, now)
		return
	}
	e.set(readable | nearEnd)
	s.arm()
	if sh != nil { // else the event comes
		s.move(sh, of, now)
	}
}

// finished ends the direction from a side to the other, which gets a FIN. If nothing can be written
// to the first side either, both directions have ended.
func (s *Session) finished(sh *shard, of Side, now int64) {
	es := &s.engine
	e, other := &es.sides[of], &es.sides[1-of]
	e.set(readDone)
	if es.firstFin == Proxy {
		es.firstFin = of
	}
	if other.has(readDone) {
		s.linger(sh, 1-of, now)
		return
	}
	if of == Client && es.options.ServerNoLinger {
		s.finish(sh)
		return
	}
	other.set(sentFin)
	_ = shutdown(int(other.fd), unix.SHUT_WR)
	if es.options.ClientFin != 0 {
		es.sides[Client].active.Store(now)
	}
	if es.options.ServerFin != 0 {
		es.sides[Server].active.Store(now)
	}
	s.arm()
}

// fail ends the session at once.
func (s *Session) fail(sh *shard, r Result) {
	if s.engine.isActive() {
		s.setCause(r)
		s.finish(sh)
	}
}

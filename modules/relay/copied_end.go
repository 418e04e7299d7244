// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// writeFailed handles a failed write to e. What e has sent before is still delivered. If e is a
// server that had finished in order, only the client's direction ends.
func (s *copied) writeFailed(p, from *peer, err error) {
	// EPIPE: the connection was reset after the server had finished, which may not have been read yet.
	if p.side != Server || !p.readDone.Load() && !errors.Is(err, syscall.EPIPE) {
		s.broken(p, err)
	}
	p.writeBroken.Store(true)
	_ = p.SetReadDeadline(time.Now().Add(readAfterBreak))
	if from.limit() == 0 { // it may be in the middle of a write without a deadline
		_ = from.SetWriteDeadline(time.Now().Add(lingerTimeout))
	}
}

// timedOutSide returns the side to blame when the timeout of p has passed: the client if its
// timeout has passed as well, as in HAProxy's log.
func (s *copied) timedOutSide(p *peer) Side {
	if due := s.client.idleDeadline(); !s.client.readDone.Load() && !due.IsZero() && time.Until(due) < sameMoment {
		return Client
	}
	return p.side
}

// finished ends one direction: from has sent its last byte. It closes the sending side of to, or
// all of a connection that cannot be half closed: its peer must not wait forever. If writing to
// from has failed, both directions have ended.
func (s *copied) finished(from, to *peer) {
	from.readDone.Store(true)
	if from.writeBroken.Load() {
		to.stopReading()
		return
	}
	if finished := to.readDone.Load(); s.options.noLinger(to.side, finished) && (to.side == Server || finished) {
		s.close()
		return
	}
	if w, ok := to.Conn.(interface{ CloseWrite() error }); ok {
		// An error means that the connection is gone, which its reader will see.
		_ = w.CloseWrite()
		s.halfClosed(from)
		s.halfClosed(to)
		return
	}
	to.shutdown()
}

// halfClosed gives p the timeout that applies once either side has finished, from now on. The
// goroutine that sees the end calls it.
func (s *copied) halfClosed(p *peer) {
	if fin := [...]time.Duration{s.options.ClientFin, s.options.ServerFin}[p.side]; fin == 0 {
		return
	}
	p.touch(time.Now())
	p.setTimeout(s.options.limit(p.side, true))
	if !p.writeBroken.Load() {
		_ = p.SetReadDeadline(p.idleDeadline())
	}
	p.restoreReadDeadline()
}

// setCause keeps the first cause, except that an orderly close gives way to an error after it.
func (s *copied) setCause(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failed:
	case r.Cause != Closed:
		s.failed, s.result = true, r
	case !s.closed:
		s.closed, s.result = true, r
	}
}

// recoverPanic turns a panic in a connection's own code into the session's end.
func (s *copied) recoverPanic() {
	if p := recover(); p != nil {
		s.setCause(Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("panic while relaying: %v", p)})
		s.close()
	}
}

// broken sets the cause of a connection that broke, unless the session has closed it.
func (s *copied) broken(p *peer, err error) {
	if !p.closed.Load() {
		s.setCause(Result{By: p.side, Cause: Reset, Err: err})
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// bufferSize is what one read takes at most: enough that system calls do not
// dominate a bulk transfer, little enough to be held by an idle session.
const bufferSize = 32 << 10

// lastWords is how long a server or client that takes no more may still be
// read from: what it sent before it broke is delivered.
const lastWords = time.Second

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// direction moves what from sends to the other side until from has finished or
// one of the two fails, and tells the other side so.
func (s *Session) direction(from, to *end) {
	defer s.crashed()
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := from.Read(buf[:])
		if n > 0 {
			from.touch(time.Now())
			if from.first != nil {
				from.first()
				from.first = nil
			}
			if !s.deliver(from, to, buf[:n]) {
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			s.note(Result{By: from.side, Cause: Closed})
			s.finished(from, to)
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			if !from.expired() {
				continue
			}
			s.note(Result{By: s.silent(from), Cause: Timeout})
			s.finished(from, to)
			return
		default:
			s.broken(from, err)
			s.close()
			return
		}
	}
}

// deliver writes b, which came from from, to the other side. Where that fails,
// the other side is only read to its end from then on.
func (s *Session) deliver(from, to *end, b []byte) bool {
	began := time.Now()
	for len(b) > 0 {
		to.watchWrite(began)
		n, err := to.Write(b)
		b = b[n:]
		from.sent.Add(int64(n))
		if n > 0 {
			began = time.Now()
			to.touch(began)
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if limit := to.limit(); limit > 0 && time.Since(began) >= limit {
				s.note(Result{By: to.side, Cause: Timeout})
				s.close()
				return false
			}
		default:
			s.broken(to, err)
			to.dying.Store(true)
			_ = to.SetReadDeadline(time.Now().Add(lastWords))
			return false
		}
	}
	return true
}

// atOnce is how close two times are that are over at the same time.
const atOnce = 20 * time.Millisecond

// silent is who is said to have been silent when the time of e is over: the
// client, where its time is over as well, as in HAProxy's log.
func (s *Session) silent(e *end) Side {
	if due := s.client.due(); !s.client.done.Load() && !due.IsZero() && time.Until(due) < atOnce {
		return Client
	}
	return e.side
}

// finished ends one direction: nothing more will come from from, and to is told
// so. A connection that cannot be closed by halves is closed whole: its peer
// must not wait for ever. Where nothing can be written to from either, that was
// the last direction.
func (s *Session) finished(from, to *end) {
	from.done.Store(true)
	if from.dying.Load() {
		s.close()
		return
	}
	if w, ok := to.Conn.(interface{ CloseWrite() error }); ok {
		// An error means that it is gone, which its reader will see.
		_ = w.CloseWrite()
		from.halfClosed()
		to.halfClosed()
		return
	}
	to.shutdown()
}

func (e *end) touch(now time.Time) { e.active.Store(int64(now.Sub(e.began))) }

func (e *end) limit() time.Duration { return time.Duration(e.timeout.Load()) }

func (e *end) setTimeout(d time.Duration) { e.timeout.Store(int64(max(0, d))) }

// due is when e will have been silent for its timeout; zero where there is none.
// Like all times here it is counted by the monotonic clock: setting the system's
// clock ends no session.
func (e *end) due() time.Time {
	limit := e.limit()
	if limit == 0 {
		return time.Time{}
	}
	return e.began.Add(time.Duration(e.active.Load()) + limit)
}

// watch sets the first read deadline. It is not moved with each byte: when it
// passes, expired looks at what has happened since.
func (e *end) watch() {
	if due := e.due(); !due.IsZero() {
		_ = e.SetReadDeadline(due)
	}
}

// halfClosed gives e the timeout that it has once one of the two sides has
// finished, from now on. It is called by whichever goroutine sees that.
func (e *end) halfClosed() {
	if e.fin == 0 {
		return
	}
	e.touch(time.Now())
	e.setTimeout(e.fin)
	if !e.dying.Load() {
		_ = e.SetReadDeadline(e.due())
	}
	if e.dying.Load() { // the other goroutine's deadline was just overwritten
		_ = e.SetReadDeadline(time.Now().Add(lastWords))
	}
}

// expired says whether a read deadline that has passed is final. If not, the
// next one is set.
func (e *end) expired() bool {
	for {
		due := e.due()
		if e.dying.Load() || !due.IsZero() && !due.After(time.Now()) {
			return true
		}
		_ = e.SetReadDeadline(due)
		if e.dying.Load() { // the other goroutine's deadline was just overwritten
			_ = e.SetReadDeadline(time.Now().Add(lastWords))
			return false
		}
		if now := e.due(); now.IsZero() == due.IsZero() && !now.Before(due) {
			return false
		}
		// The timeout has changed meanwhile: that deadline, too.
	}
}

// watchWrite sets when a write that began at the time given is to be given up,
// unless the deadline of an earlier one leaves it enough time and no more.
func (e *end) watchWrite(began time.Time) {
	limit := e.limit()
	if limit == 0 {
		if !e.writeDue.IsZero() { // there was a timeout before
			e.writeDue = time.Time{}
			_ = e.SetWriteDeadline(e.writeDue)
		}
		return
	}
	if left := e.writeDue.Sub(began); left <= limit/2 || left > limit || !e.writeDue.After(time.Now()) {
		e.writeDue = began.Add(limit)
		_ = e.SetWriteDeadline(e.writeDue)
	}
}

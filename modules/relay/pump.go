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
	from.watch()
	for {
		n, err := from.Read(buf[:])
		if n > 0 {
			from.touch(time.Now())
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
			s.note(Result{By: from.side, Cause: Timeout})
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
			if time.Since(began) >= to.timeout {
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

// finished ends one direction: nothing more will come from from, and to is told
// so. A connection that cannot be closed by halves is closed whole: its peer
// must not wait for ever. Where nothing can be written to from either, that was
// the last direction.
func (s *Session) finished(from, to *end) {
	if from.dying.Load() {
		s.close()
		return
	}
	if w, ok := to.Conn.(interface{ CloseWrite() error }); ok {
		// An error means that it is gone, which its reader will see.
		_ = w.CloseWrite()
		return
	}
	to.shutdown()
}

func (e *end) touch(now time.Time) { e.active.Store(int64(now.Sub(e.began))) }

// due is when e will have been silent for its timeout. Like all times here it
// is counted by the monotonic clock: setting the system's clock ends no session.
func (e *end) due() time.Time { return e.began.Add(time.Duration(e.active.Load()) + e.timeout) }

// watch sets the first read deadline. It is not moved with each byte: when it
// passes, expired looks at what has happened since.
func (e *end) watch() {
	if e.timeout > 0 {
		_ = e.SetReadDeadline(e.due())
	}
}

// expired says whether a read deadline that has passed is final. If not, the
// next one is set.
func (e *end) expired() bool {
	due := e.due()
	if e.dying.Load() || !due.After(time.Now()) {
		return true
	}
	_ = e.SetReadDeadline(due)
	if e.dying.Load() { // the other goroutine's deadline was just overwritten
		_ = e.SetReadDeadline(time.Now().Add(lastWords))
	}
	return false
}

// watchWrite sets when a write that began at the time given is to be given up,
// unless the deadline of an earlier one leaves it enough time.
func (e *end) watchWrite(began time.Time) {
	if e.timeout == 0 {
		return
	}
	if e.writeDue.Sub(began) <= e.timeout/2 || !e.writeDue.After(time.Now()) {
		e.writeDue = began.Add(e.timeout)
		_ = e.SetWriteDeadline(e.writeDue)
	}
}

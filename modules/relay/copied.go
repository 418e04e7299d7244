// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// copySize is what one read takes at most: enough that system calls do not
// dominate a bulk transfer, little enough to be held by an idle session.
const copySize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// copied is a session whose bytes are copied, by the caller's goroutine and
// another.
type copied struct {
	client, server peer
	options        *Options
	owner          Owner

	mu     sync.Mutex
	result Result
	failed bool // somebody has noted a cause that is not Closed
	closed bool // one side has finished in order
}

// peer is one side's connection.
type peer struct {
	net.Conn
	side        Side
	timeout     atomic.Int64 // in ns; 0: none
	sent        atomic.Int64 // bytes received from it and written to the other side
	began       time.Time
	active      atomic.Int64 // when it last sent or took a byte, in ns since began
	readDone    atomic.Bool  // nothing more comes from it
	writeBroken atomic.Bool  // it takes no more: what it has sent is still read
	readStopped atomic.Bool  // the other side takes no more: it is not read from any more
	closed      atomic.Bool  // closed by the session: errors mean nothing any more

	writeDeadline time.Time // the write deadline; its writer's
	answered      bool      // something has come from it; its reader's
}

// newCopied makes a session, which owns both connections from now on.
func newCopied(client, server net.Conn, o *Options, owner Owner) *copied {
	s, now := &copied{options: o, owner: owner}, time.Now()
	s.client.Conn, s.client.side, s.client.began = client, Client, now
	s.server.Conn, s.server.side, s.server.began = server, Server, now
	for _, p := range []*peer{&s.client, &s.server} {
		p.setTimeout(o.limit(p.side, false))
	}
	return s
}

// writeFirst writes to the server what was already read from the client, of which it
// has some already. If that fails, run says so.
func (s *copied) writeFirst(b []byte, sent int) {
	s.client.sent.Add(int64(sent))
	s.deliver(&s.client, &s.server, b[sent:])
}

// run moves bytes until the session is over, closes both connections and says
// how it ended.
func (s *copied) run() Result {
	s.client.startReadDeadline()
	s.server.startReadDeadline()
	done := make(chan struct{})
	go s.toClient(done)
	s.copyDirection(&s.client, &s.server)
	<-done
	s.linger()
	s.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.result
	r.In, r.Out, r.Answered = s.client.sent.Load(), s.server.sent.Load(), s.server.answered
	return r
}

// toClient is a named function so that stack dumps name the goroutine.
func (s *copied) toClient(done chan<- struct{}) {
	defer close(done)
	s.copyDirection(&s.server, &s.client)
}

func (s *copied) counters() Counters {
	p := &s.client
	active := max(s.client.active.Load(), s.server.active.Load())
	return Counters{In: s.client.sent.Load(), Out: s.server.sent.Load(), Idle: time.Since(p.began) - time.Duration(active)}
}

func (s *copied) end(reason string) {
	s.setCause(Result{By: Proxy, Cause: Ended, Reason: reason})
	s.close()
}

// copyDirection moves what from sends to the other side until from has finished or
// one of the two fails, and tells the other side so.
func (s *copied) copyDirection(from, to *peer) {
	defer s.recoverPanic()
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for gaveGrace := false; ; {
		n, err := from.Read(buf[:])
		if n > 0 {
			gaveGrace = false
			from.touch(time.Now())
			if !from.answered && from.side == Server {
				s.owner.Answered()
			}
			from.answered = true
			if !s.deliver(from, to, buf[:n]) {
				return
			}
			if from.writeBroken.Load() { // that took as long as it took: there may be more
				_ = from.SetReadDeadline(time.Now().Add(readAfterBreak))
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			s.setCause(Result{By: from.side, Cause: Closed})
			s.finished(from, to)
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			if from.readStopped.Load() {
				return
			}
			if !from.expired() {
				continue
			}
			if !gaveGrace && from.longOverdue() {
				gaveGrace = true
				_ = from.SetReadDeadline(time.Now().Add(stallGrace))
				continue
			}
			s.setCause(Result{By: s.timedOutSide(from), Cause: Timeout})
			s.finished(from, to)
			return
		default:
			s.broken(from, err)
			to.stopReading()
			return
		}
	}
}

// deliver writes b, which came from from, to the other side. Where that fails,
// the other side is only read to its end from then on.
func (s *copied) deliver(from, to *peer, b []byte) bool {
	began, gaveGrace := time.Now(), false
	for len(b) > 0 {
		if !gaveGrace {
			to.setWriteDeadline(began, from)
		}
		n, err := to.Write(b)
		b = b[n:]
		from.sent.Add(int64(n))
		if n > 0 {
			began, gaveGrace = time.Now(), false
			to.touch(began)
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			over := time.Since(began) - to.writeTimeout(from)
			if to.writeTimeout(from) == 0 || over < 0 {
				continue
			}
			if !gaveGrace && over > stallGrace {
				gaveGrace, to.writeDeadline = true, time.Now().Add(stallGrace)
				_ = to.SetWriteDeadline(to.writeDeadline)
				continue
			}
			s.setCause(Result{By: to.side, Cause: Timeout})
			s.close()
			return false
		default:
			s.writeFailed(to, from, err)
			return false
		}
	}
	from.touch(began) // while it was not read from, it was not silent
	return true
}

// writeFailed is called when writing to a side has failed. What it has sent before is
// still delivered. A server that had finished in order only ends the client's
// direction by that.
func (s *copied) writeFailed(p, from *peer, err error) {
	// EPIPE: it was reset after it had finished, which need not have been read yet.
	if p.side != Server || !p.readDone.Load() && !errors.Is(err, syscall.EPIPE) {
		s.broken(p, err)
	}
	p.writeBroken.Store(true)
	_ = p.SetReadDeadline(time.Now().Add(readAfterBreak))
	if from.limit() == 0 { // it may be in the middle of a write without a deadline
		_ = from.SetWriteDeadline(time.Now().Add(lingerTimeout))
	}
}

// stopReading has nothing more be read from a side: the other one takes no more.
func (p *peer) stopReading() {
	p.readStopped.Store(true)
	_ = p.SetReadDeadline(time.Now())
}

// timedOutSide is who is said to have been silent when the time of e is over: the
// client, where its time is over as well, as in HAProxy's log.
func (s *copied) timedOutSide(p *peer) Side {
	if due := s.client.idleDeadline(); !s.client.readDone.Load() && !due.IsZero() && time.Until(due) < sameMoment {
		return Client
	}
	return p.side
}

// finished ends one direction: nothing more will come from from, and to is told
// so. A connection that cannot be closed by halves is closed whole: its peer
// must not wait for ever. Where nothing can be written to from either, that was
// the last direction.
func (s *copied) finished(from, to *peer) {
	from.readDone.Store(true)
	if from.writeBroken.Load() {
		to.stopReading()
		return
	}
	if w, ok := to.Conn.(interface{ CloseWrite() error }); ok {
		// An error means that it is gone, which its reader will see.
		_ = w.CloseWrite()
		s.halfClosed(from)
		s.halfClosed(to)
		return
	}
	to.shutdown()
}

func (p *peer) touch(now time.Time) { p.active.Store(int64(now.Sub(p.began))) }

func (p *peer) limit() time.Duration { return time.Duration(p.timeout.Load()) }

func (p *peer) setTimeout(d time.Duration) { p.timeout.Store(int64(d)) }

// idleDeadline is when e will have been silent for its timeout; zero where there is none.
// Like all times here it is counted by the monotonic clock: setting the system's
// clock ends no session.
func (p *peer) idleDeadline() time.Time {
	limit := p.limit()
	if limit == 0 {
		return time.Time{}
	}
	return p.began.Add(time.Duration(p.active.Load()) + limit)
}

// startReadDeadline sets the first read deadline. It is not moved with each byte: when it
// passes, expired looks at what has happened since.
func (p *peer) startReadDeadline() {
	if due := p.idleDeadline(); !due.IsZero() {
		_ = p.SetReadDeadline(due)
	}
}

// halfClosed gives e the timeout that it has once one of the two sides has
// finished, from now on. It is called by whichever goroutine sees that.
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

// restoreReadDeadline sets the read deadline again that the other goroutine may have set
// just before.
func (p *peer) restoreReadDeadline() {
	switch {
	case p.readStopped.Load():
		_ = p.SetReadDeadline(time.Now())
	case p.writeBroken.Load():
		_ = p.SetReadDeadline(time.Now().Add(readAfterBreak))
	}
}

// expired says whether a read deadline that has passed is final. If not, the
// next one is set.
func (p *peer) expired() bool {
	for {
		due := p.idleDeadline()
		if p.writeBroken.Load() || !due.IsZero() && !due.After(time.Now()) {
			return true
		}
		_ = p.SetReadDeadline(due)
		p.restoreReadDeadline()
		if now := p.idleDeadline(); now.IsZero() == due.IsZero() && !now.Before(due) {
			return false
		}
		// The timeout has changed meanwhile: that deadline, too.
	}
}

// stallGrace is how long a side has to show that it was not silent, where its time was
// over by more than that when this was noticed: the process may not have run.
const stallGrace = 50 * time.Millisecond

// longOverdue reports whether the timeout of e was over long ago.
func (p *peer) longOverdue() bool {
	return !p.writeBroken.Load() && time.Since(p.idleDeadline()) > stallGrace
}

// writeTimeout is how long e may take nothing of what there is for it; 0: for ever, but not
// where the other side is gone.
func (p *peer) writeTimeout(from *peer) time.Duration {
	if limit := p.limit(); limit != 0 || !from.writeBroken.Load() {
		return limit
	}
	return lingerTimeout
}

// setWriteDeadline sets when a write that began at the time given is to be given up,
// unless the deadline of an earlier one leaves it enough time and no more.
func (p *peer) setWriteDeadline(began time.Time, from *peer) {
	limit := p.writeTimeout(from)
	if limit == 0 {
		if !p.writeDeadline.IsZero() { // there was a timeout before
			p.writeDeadline = time.Time{}
			_ = p.SetWriteDeadline(p.writeDeadline)
		}
		return
	}
	if left := p.writeDeadline.Sub(began); left <= limit/2 || left > limit || !p.writeDeadline.After(time.Now()) {
		p.writeDeadline = began.Add(limit)
		_ = p.SetWriteDeadline(p.writeDeadline)
	}
}

// setCause keeps the first cause, except that an orderly close gives way to what
// goes wrong after it.
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

func (p *peer) shutdown() {
	if !p.closed.Swap(true) {
		_ = p.Close()
	}
}

// recoverPanic turns a panic in a connection's own code into the session's end.
func (s *copied) recoverPanic() {
	if p := recover(); p != nil {
		s.setCause(Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("panic while relaying: %v", p)})
		s.close()
	}
}

// broken notes that the connection to e broke, unless the session has closed it.
func (s *copied) broken(p *peer, err error) {
	if !p.closed.Load() {
		s.setCause(Result{By: p.side, Cause: Reset, Err: err})
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// copySize is the most that one read takes: large enough that system calls do not dominate a bulk
// transfer, small enough for an idle session to hold.
const copySize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// copied is a session whose bytes are copied by the caller's goroutine and another.
type copied struct {
	client, server peer
	options        *Options
	owner          Owner
	moved          *stripe

	mu     sync.Mutex
	result Result
	failed bool // a cause other than Closed is set
	closed bool // one side has finished in order
}

// newCopied returns a session, which owns both connections from now on.
func newCopied(client, server net.Conn, o *Options, owner Owner) *copied {
	s, now := &copied{options: o, owner: owner, moved: nextStripe()}, time.Now()
	s.client.Conn, s.client.side, s.client.began = client, Client, now
	s.server.Conn, s.server.side, s.server.began = server, Server, now
	for _, p := range []*peer{&s.client, &s.server} {
		p.setTimeout(o.limit(p.side, false))
	}
	return s
}

// writeFirst writes bytes already read from the client to the server, except for those sent before.
// If that fails, run reports it.
func (s *copied) writeFirst(b []byte, sent int) {
	s.count(&s.client, int64(sent))
	s.deliver(&s.client, &s.server, b[sent:])
}

// run moves bytes until the session is over, closes both connections and returns how it ended.
func (s *copied) run() Result {
	counts.copied.Add(1)
	defer counts.copied.Add(-1)
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
	r.In, r.Out, r.Answered = max(0, s.client.sent.Load()), s.server.sent.Load(), s.server.answered
	return r
}

// toClient copies from server to client. It has a name so that stack dumps name the goroutine.
func (s *copied) toClient(done chan<- struct{}) {
	defer close(done)
	s.copyDirection(&s.server, &s.client)
}

func (s *copied) counters() Counters {
	p := &s.client
	active := max(s.client.active.Load(), s.server.active.Load())
	return Counters{In: max(0, s.client.sent.Load()), Out: s.server.sent.Load(), Idle: time.Since(p.began) - time.Duration(active)}
}

func (s *copied) end(reason string) {
	s.setCause(Result{By: Proxy, Cause: Ended, Reason: reason})
	s.close()
}

// copyDirection moves what from sends to the other side until from has finished or one of the two
// fails. At the end it closes the sending side of to.
func (s *copied) copyDirection(from, to *peer) {
	defer s.recoverPanic()
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for over := false; !over; {
		n, err := from.Read(buf[:])
		if n > 0 {
			from.gaveGrace = false
			if from.touch(time.Now()); from.side == Server {
				s.noteAnswer(buf[:n])
			}
			if !s.deliver(from, to, buf[:n]) {
				return
			}
			if from.writeBroken.Load() { // the delivery took as long as it took: there may be more
				_ = from.SetReadDeadline(time.Now().Add(readAfterBreak))
			}
		}
		over = err != nil && s.readFailed(from, to, err)
	}
}

// noteAnswer tells the owner that the server has sent something, once.
func (s *copied) noteAnswer(first []byte) {
	if !s.server.answered {
		s.server.answered = true
		answered(s.owner, first)
	}
}

// readFailed handles the error of a read. It reports whether the direction has ended.
func (s *copied) readFailed(from, to *peer, err error) (over bool) {
	switch {
	case errors.Is(err, io.EOF):
		s.setCause(Result{By: from.side, Cause: Closed})
		s.finished(from, to)
	case !errors.Is(err, os.ErrDeadlineExceeded):
		s.broken(from, err)
		to.stopReading()
	case from.readStopped.Load():
	case !from.expired():
		return false
	case !from.gaveGrace && from.longOverdue():
		from.gaveGrace = true
		_ = from.SetReadDeadline(time.Now().Add(stallGrace))
		return false
	default:
		s.setCause(Result{By: s.timedOutSide(from), Cause: Timeout})
		s.finished(from, to)
	}
	return true
}

// deliver writes b, which came from from, to the other side. If that fails, the other side is only
// read to its end from then on.
func (s *copied) deliver(from, to *peer, b []byte) bool {
	began, gaveGrace := time.Now(), false
	for len(b) > 0 {
		if !gaveGrace {
			to.setWriteDeadline(began, from)
		}
		n, err := to.Write(b)
		b = b[n:]
		s.count(from, int64(n))
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

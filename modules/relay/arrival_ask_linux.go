// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// askHandler calls the handler. ok is false if the session no longer arrives, or is ending.
func (s *Session) askHandler(news News) (step Step, ok bool) {
	es, a := &s.engine, s.arrival()
	reads := news.Event == Received
	if reads {
		a.readable = false // unless an event sets it meanwhile
	}
	a.busy = true
	fd, h, last := int(es.sides[Client].fd), a.handler, a.nearEnd
	s.mu.Unlock()
	step, more, crash := consult(h, news, fd, last)
	s.mu.Lock()
	if s.arrival() == nil { // detached: a may belong to another session
		if crash != nil {
			go h.Ended(Result{By: Proxy, Cause: Failed, Err: crash})
		}
		return step, false
	}
	a.busy = false
	a.readable = a.readable || more
	if reads {
		es.sides[Client].active.Store(clock())
	}
	if crash != nil {
		s.setCause(Result{By: Proxy, Cause: Failed, Err: crash})
	}
	return step, s.extra().cause == nil // else proceed ends it
}

// consult calls the handler, and before that reads if the event is Received. It holds no lock.
func consult(h Handler, news News, fd int, last bool) (step Step, more bool, crash error) {
	defer func() {
		if v := recover(); v != nil {
			crash = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if news.Event == Received {
		room := h.Buffer()
		n, err := read(fd, room)
		switch {
		case n > 0:
			news.N, more = n, n == len(room) || last
		case err == nil:
			news.Event = Finished
		case err == unix.EAGAIN: //nolint:errorlint // an Errno
			// No bytes after all: the handler gets Received with N = 0 and can free its buffer.
		default:
			news.Event, news.Err = Broken, os.NewSyscallError("read", err)
		}
	}
	return h.Next(news), more, nil
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
	logEvery = time.Second
)

// run accepts and hands over until nobody is left to hand over to, and closes the
// kernel socket. With waits, it begins once a configuration runs.
func (s *socket) run(waits bool) {
	var in []net.Conn
	if !waits || s.listen() { // else nobody may serve those who are in
		in = s.accept()
	}
	_ = s.kernel.Close()
	s.keep(in)
	close(s.done)
	if s.err == nil {
		return
	}
	socketsMu.Lock()
	s.forget()
	lost := len(s.users) > 0
	socketsMu.Unlock()
	if lost {
		logger().Error("listening socket lost", zap.Stringer("address", s.key), zap.Error(s.err))
	}
}

// listen waits until a configuration runs. False means that nobody is left who wants
// that.
func (s *socket) listen() bool {
	select {
	case <-s.begun:
	case <-s.idle:
		return false
	}
	for f := (failures{what: "listening fails; nobody can connect"}); ; {
		err := s.kernel.listen()
		if err == nil {
			return true
		}
		if s.wait(f.next(s, err)) {
			return false
		}
	}
}

// accept accepts and hands over. At the end it returns those who are in and could not
// be handed over.
func (s *socket) accept() []net.Conn {
	var r room
	for f := (failures{what: "accepting connections fails; clients wait in the queue"}); ; {
		if !r.await(s) {
			return s.acceptRest()
		}
		conn, err := s.kernel.Accept()
		switch {
		case err == nil:
			f.pause = 0
			s.hand.Add(1)
			if !s.offer(conn) {
				s.hand.Add(-1)
				return s.acceptRest(conn)
			}
		case s.isIdle():
			return s.acceptRest()
		case fatal(err):
			s.err = err
			return nil
		case errors.Is(err, syscall.ECONNABORTED):
			// One client gave up in the queue; the next one waits behind it.
		default:
			s.wait(f.next(s, err))
		}
	}
}

// acceptRest adds those who wait in the kernel's queue.
func (s *socket) acceptRest(in ...net.Conn) []net.Conn {
	for {
		conn, err := s.kernel.waiting()
		if err != nil {
			logger().Error("accepting those who were in when the address closed", zap.Stringer("address", s.key), zap.Error(err))
		}
		if conn == nil {
			return in
		}
		if heir := s.heir(conn); heir != nil {
			s.hand.Add(1)
			s.give(heir, conn)
			continue
		}
		in = append(in, conn)
	}
}

// offer waits for a user to take conn, or gives it to the socket that it belongs to.
// False means that the last user has gone.
func (s *socket) offer(conn net.Conn) bool {
	for {
		if heir := s.heir(conn); heir != nil {
			s.give(heir, conn)
			return true
		}
		select {
		case s.conns <- conn:
			return true
		case <-s.review:
		case <-s.idle:
			return false
		}
	}
}

func (s *socket) isIdle() bool {
	select {
	case <-s.idle:
		return true
	default:
		return false
	}
}

// wait sleeps for d. It returns early, and true, when the last user has gone.
func (s *socket) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return false
	case <-s.idle:
		return true
	}
}

// fatal tells whether err is the end of the listening socket itself. All else is
// taken to pass: a lack of descriptors or memory, or what Linux reports of a single
// connection (see accept(2)); a wrong guess here costs a call per second.
func fatal(err error) bool {
	return errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EBADF) ||
		errors.Is(err, syscall.ENOTSOCK) ||
		errors.Is(err, syscall.EINVAL) // no longer listening: shut down under us
}

// failures paces a loop whose calls fail: 5 ms after the first, doubled up to
// a second, and at most one log line per second.
type failures struct {
	what   string
	pause  time.Duration // before the last try; 0 after a success
	count  int           // since the last log line
	logged time.Time
}

// next notes a failed call of s and returns the time to wait before the next.
func (f *failures) next(s *socket, err error) time.Duration {
	f.pause = min(max(2*f.pause, minPause), maxPause)
	f.count++
	if now := time.Now(); now.Sub(f.logged) >= logEvery {
		logger().Error(f.what, zap.Stringer("address", s.key), zap.Int("failures", f.count), zap.Error(err))
		f.logged, f.count = now, 0
	}
	return f.pause
}

// logger is looked up for each line, since every config brings its own and the
// socket outlives it.
func logger() *zap.Logger { return caddy.Log().Named("durable") }

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

// run accepts and hands over until the kernel socket is closed.
func (s *socket) run() {
	var f failures
	for {
		conn, err := s.ln.Accept()
		switch {
		case err == nil:
			f.pause = 0
			s.offer(conn)
		case fatal(err):
			s.end(err)
			return
		case errors.Is(err, syscall.ECONNABORTED):
			// One client gave up in the queue; the next one waits behind it.
		default:
			s.wait(f.next(s, err))
		}
	}
}

// offer waits for a user to take conn, and closes it when the last one has gone.
func (s *socket) offer(conn net.Conn) {
	select {
	case s.conns <- conn:
	case <-s.idle:
		_ = conn.Close()
	}
}

// wait sleeps for d, or until the last user has gone.
func (s *socket) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.idle:
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

// failures paces an accept loop whose calls fail: 5 ms after the first, doubled up to
// a second, and at most one log line per second.
type failures struct {
	pause  time.Duration // before the last try; 0 after a success
	count  int           // since the last log line
	logged time.Time
}

// next notes a failed call of s and returns the time to wait before the next.
func (f *failures) next(s *socket, err error) time.Duration {
	f.pause = min(max(2*f.pause, minPause), maxPause)
	f.count++
	if now := time.Now(); now.Sub(f.logged) >= logEvery {
		logger().Error("accepting connections fails; clients wait in the queue",
			zap.Stringer("address", s.key), zap.Int("failures", f.count), zap.Error(err))
		f.logged, f.count = now, 0
	}
	return f.pause
}

// logger is looked up for each line, since every config brings its own and the
// socket outlives it.
func logger() *zap.Logger { return caddy.Log().Named("durable") }

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
	logEvery = time.Second

	acceptFails = "accepting connections failed: clients wait in the queue"
)

// run accepts connections and dispatches them until the last user is gone, and then closes the
// kernel socket. With waits, it accepts nothing until a configuration runs.
func (s *socket) run(waits bool) {
	if !waits || s.awaitStart() { // else no configuration ran that could serve the queued clients
		s.serve()
	}
	in := s.drain()
	_ = s.kernel.Close()
	openSockets.Add(-1)
	s.keepLeftover(in)
	close(s.done)
	s.signalAll()
	if s.err == nil {
		return
	}
	socketsMu.Lock()
	s.releaseAddress()
	lost := len(s.users) > 0
	socketsMu.Unlock()
	if lost {
		logger().Error("listening socket lost", zap.Stringer("address", s.key), zap.Error(s.err))
	}
}

// awaitStart waits until a configuration runs. It returns false if the last user is gone before.
func (s *socket) awaitStart() bool {
	select {
	case <-s.started:
	case <-s.closing:
		return false
	}
	for f := (backoff{what: "listening failed: clients cannot connect"}); ; {
		err := s.kernel.startListening()
		if err == nil {
			return true
		}
		if s.pause(f.after(s, err)) {
			return false
		}
	}
}

// watchable is a kernel socket whose connections the shards of package relay can accept themselves.
type watchable interface {
	watch(relay.ListenOptions) (stop, wake func(), err error)
}

// asking is a kernel socket whose Accept asks whether a connection may be accepted when one has
// come, which may be long after the call.
type asking interface{ askBefore(ask func() bool) }

// errPaused is the error of an Accept that has asked.
var errPaused = errors.New("accepting is paused")

// serve accepts until the last user is gone or the kernel socket is lost, and then empties the
// kernel's queue.
func (s *socket) serve() {
	var r connLimiter
	if k, ok := s.kernel.(asking); ok {
		k.askBefore(func() bool { return r.pause(s) == 0 })
	}
	for !s.isClosing() && s.err == nil {
		if k, ok := s.kernel.(watchable); ok && s.hasActiveTaker() {
			s.acceptOnShards(k, &r)
		} else {
			s.accept(&r)
		}
	}
	if s.err == nil {
		s.acceptBacklog()
	}
}

// accept accepts and dispatches until the last user is gone, or the shards are to accept.
func (s *socket) accept(r *connLimiter) {
	for f := (backoff{what: acceptFails}); ; {
		if !r.await(s) || !s.awaitQueueSpace() {
			return
		}
		conn, err := s.kernel.Accept()
		switch {
		case err == nil:
			f.pause = 0
			s.onAccept(conn, r, false)
		case errors.Is(err, os.ErrDeadlineExceeded): // of interrupt
			s.kernel.resume()
			return
		case s.isClosing():
			return
		case fatal(err):
			s.err = err
			return
		case errors.Is(err, syscall.ECONNABORTED), errors.Is(err, errPaused):
			// One client gave up in the queue; the next one waits behind it. Or it may not be accepted yet.
		default:
			s.pause(f.after(s, err))
		}
	}
}

// awaitQueueSpace waits while maxQueued connections are not taken. It returns false if the last
// user is gone.
func (s *socket) awaitQueueSpace() bool {
	for s.isFull() {
		select {
		case <-s.recheck:
		case <-s.closing:
			return false
		}
	}
	return true
}

// acceptOnShards makes the shards accept until the last user is gone, or no taker is active.
func (s *socket) acceptOnShards(k watchable, r *connLimiter) {
	f := backoff{what: acceptFails}
	lost := make(chan error, 1)
	stop, wake, err := k.watch(relay.ListenOptions{
		Pause: func() time.Duration { return r.pause(s) },
		Accepted: func(conn *relay.Socket) {
			f.pause = 0
			s.onAccept(conn, r, true)
		},
		Failed: func(err error) (time.Duration, bool) {
			switch {
			case fatal(err):
				lost <- err
				return 0, true
			case errors.Is(err, syscall.ECONNABORTED):
				return 0, false
			default:
				return f.after(s, err), false
			}
		},
	})
	if err != nil {
		s.pause(f.after(s, err))
		return
	}
	s.wakeShards.Store(&wake)
	defer func() {
		s.wakeShards.Store(nil)
		stop()
	}()
	s.awaitNoTaker(lost)
}

// awaitNoTaker waits while the shards accept: until no taker is active, the last user is gone, or
// the kernel socket is lost.
func (s *socket) awaitNoTaker(lost <-chan error) {
	for s.hasActiveTaker() {
		select {
		case <-s.recheck:
		case <-s.closing:
			return
		case s.err = <-lost:
			return
		}
	}
}

// onAccept counts and dispatches a new connection.
func (s *socket) onAccept(conn net.Conn, r *connLimiter, onShard bool) {
	limits.Process.Accepted()
	r.accepted++
	s.inFlight.Add(1)
	s.deliver(conn, onShard)
}

// acceptBacklog accepts the connections in the kernel's queue.
func (s *socket) acceptBacklog() {
	for {
		conn, err := s.kernel.acceptQueued()
		if err != nil {
			logger().Error("accepting connections still queued when the listener closed", zap.Stringer("address", s.key), zap.Error(err))
		}
		if conn == nil {
			return
		}
		s.inFlight.Add(1)
		s.deliver(conn, false)
	}
}

func (s *socket) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// pause sleeps for d. It returns true, and early, if the last user is gone.
func (s *socket) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return false
	case <-s.closing:
		return true
	}
}

// fatal reports whether err is the end of the listening socket itself. All other errors are treated
// as temporary: a lack of descriptors or memory, or an error of a single connection that Linux
// reports here (see accept(2)). A wrong guess costs one call per second.
func fatal(err error) bool {
	return errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EBADF) ||
		errors.Is(err, syscall.ENOTSOCK) ||
		errors.Is(err, syscall.EINVAL) // no longer listening: shut down by other code
}

// backoff paces a loop whose calls fail: a pause of 5 ms after the first failure, doubled up to a
// second, and at most one log line per second.
type backoff struct {
	what   string
	pause  time.Duration // before the last try; 0 after a success
	count  int           // since the last log line
	logged time.Time
}

// after records a failed call of s and returns how long to pause before the next.
func (f *backoff) after(s *socket, err error) time.Duration {
	f.pause = min(max(2*f.pause, minPause), maxPause)
	f.count++
	if now := time.Now(); now.Sub(f.logged) >= logEvery {
		logger().Error(f.what, zap.Stringer("address", s.key), zap.Int("failures", f.count), zap.Error(err))
		f.logged, f.count = now, 0
	}
	return f.pause
}

// logger returns the current logger. It is looked up for each line, since every configuration has
// its own and the socket outlives it.
func logger() *zap.Logger { return caddy.Log().Named("durable") }

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// waiter holds the state of one direction's waiting calls.
type waiter struct {
	ready       chan struct{} // receives when a retry may succeed; nil until the first wait
	pendingWake bool          // a wake came while ready was nil
	deadline    time.Time
	lastTry     bool // when the deadline passes, one more call takes bytes that came before
}

func (w *waiter) wake() {
	if w.ready == nil {
		w.pendingWake = true // maybe since the last call: the next wait returns at once
		return
	}
	select {
	case w.ready <- struct{}{}:
	default: // no wait, or one wake is queued already
	}
}

// wait returns when a retry may succeed.
func (s *Socket) wait(w *waiter) error {
	s.mu.Lock()
	deadline, err, missed := w.deadline, s.watch(w), w.pendingWake
	w.pendingWake = false
	s.mu.Unlock()
	if err != nil || missed {
		return err
	}
	var over <-chan time.Time
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		t := time.NewTimer(left)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-w.ready:
		return nil
	case <-over: // unless the deadline has moved, the next call fails by it
		return nil
	}
}

// watch makes a shard watch for what w waits for. The caller holds the lock.
func (s *Socket) watch(w *waiter) (err error) {
	if !s.owned() {
		return net.ErrClosed
	}
	if w.ready == nil {
		w.ready = make(chan struct{}, 1)
	}
	out := s.poll.watchedOut || w == &s.out
	if s.poll.slot != 0 {
		if out != s.poll.watchedOut {
			s.poll.watchedOut = true
			return s.poll.rearm(s.fd, Client)
		}
		return nil
	}
	if s.poll.shard == nil {
		if s.poll.shard, err = nextShard(); err != nil {
			return err
		}
	}
	s.poll.slot, s.poll.watchedOut = s.poll.shard.add(s), out
	return s.poll.watch(s.fd, Client)
}

// untilReady calls f with the descriptor until it does not return EAGAIN, or the deadline passes. A
// deadline that passes after it was set allows one more call: if this process did not run for a
// while, bytes that came in time are there.
func (s *Socket) untilReady(w *waiter, f func(fd int) error) error {
	for {
		s.mu.Lock()
		var err error
		switch {
		case !s.owned():
			err = net.ErrClosed
		case !w.deadline.IsZero() && !time.Now().Before(w.deadline):
			err = os.ErrDeadlineExceeded
			if w.lastTry {
				w.lastTry = false
				if late := f(s.fd); late != unix.EAGAIN { //nolint:errorlint // an Errno
					err = late
				}
			}
		default:
			err = f(s.fd)
		}
		s.mu.Unlock()
		if err != unix.EAGAIN { //nolint:errorlint // an Errno
			return err
		}
		if err := s.wait(w); err != nil && err != os.ErrDeadlineExceeded { //nolint:errorlint // of wait
			return err
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a connection over TCP or a Unix socket that makes only the system calls it needs.
// Package net registers each connection with the runtime's poller and asks for its addresses; the
// engine watches a Socket only once a call has to wait, and a session takes over its descriptor as
// it is. It is safe for concurrent use, as a net.Conn is. It has no transfers without copying
// (sendfile), as package net has.
type Socket struct {
	remote net.Addr
	dual   bool // see SetDual
	sent   int  // of the first bytes of Dial

	mu      sync.Mutex // held while fd is used, which is never for long
	local   net.Addr   // nil: not known yet
	fd      int        // -1: closed, or given to a session
	lent    bool       // an arriving session has borrowed fd
	poll    pollSlot
	in, out waiter
	dialing *pendingDial // until it is connected
}

// waiter holds the state of one direction's waiting calls.
type waiter struct {
	ready       chan struct{} // receives when a retry may succeed; nil until the first wait
	pendingWake bool          // a wake came while ready was nil
	deadline    time.Time
	lastTry     bool // when the deadline passes, one more call takes bytes that came before
}

// Accept accepts the next connection of a listening socket, which must be non-blocking. Without
// one, the error is EAGAIN. local is the address that the socket listens on, or nil if there are
// several.
func Accept(listening uintptr, local net.Addr) (*Socket, error) {
	fd, remote, err := accept(int(listening))
	if err == unix.EAGAIN { //nolint:errorlint // an Errno
		return nil, err
	}
	if err != nil {
		return nil, os.NewSyscallError("accept4", err)
	}
	return newAccepted(fd, remote, local, pollSlot{}), nil
}

// SetDual records that a listener for both versions of IP, which may be two kernel sockets, has
// accepted the socket. Only the code that accepts calls it.
func (s *Socket) SetDual() { s.dual = true }

// Dual reports whether SetDual has been called.
func (s *Socket) Dual() bool { return s.dual }

// watchedBy returns the shard that watches the socket, or is to, or nil.
func (s *Socket) watchedBy() *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poll.shard
}

// detachFD takes the descriptor away from the socket, and returns where it is watched.
func (s *Socket) detachFD() (fd int, at pollSlot, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owned() {
		return -1, at, false
	}
	fd, at = s.fd, s.poll
	s.fd, s.poll = -1, pollSlot{}
	return fd, at, true
}

// owned reports whether the socket has a descriptor that is not lent. The caller holds the lock.
func (s *Socket) owned() bool { return s.fd >= 0 && !s.lent }

// event handles an event of the socket.
func (s *Socket) event(_ *shard, _ Side, ready uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialing != nil {
		if ready&(unix.EPOLLOUT|pollBroken) != 0 {
			s.finishDial()
		}
		return
	}
	if ready&(unix.EPOLLIN|unix.EPOLLRDHUP|pollBroken) != 0 {
		s.in.wake()
	}
	if ready&(unix.EPOLLOUT|pollBroken) != 0 {
		s.out.wake()
	}
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

// Read reads bytes that have come, or waits for some.
func (s *Socket) Read(b []byte) (n int, err error) {
	err = s.untilReady(&s.in, func(fd int) (err error) {
		n, err = read(fd, b)
		return err
	})
	if err == nil && n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, s.wrap("read", err)
}

// Write writes all of b.
func (s *Socket) Write(b []byte) (n int, err error) {
	err = s.untilReady(&s.out, func(fd int) error {
		for {
			k, err := write(fd, b[n:])
			if n += k; err != nil || n == len(b) {
				return err
			}
		}
	})
	return n, s.wrap("write", err)
}

// wrap makes an error like those of package net.
func (s *Socket) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	if code, ok := err.(syscall.Errno); ok { //nolint:errorlint // of a call of this package
		err = os.NewSyscallError(op, code)
	}
	return &net.OpError{Op: op, Net: s.remote.Network(), Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}

// Close closes the connection, unless a session has it.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owned() {
		return net.ErrClosed
	}
	s.poll.release()
	closeFD(s.fd)
	s.fd = -1
	s.in.wake()
	s.out.wake()
	return nil
}

// Interface guards
var (
	_ net.Conn     = (*Socket)(nil)
	_ syscall.Conn = (*Socket)(nil)
	_ watcher      = (*Socket)(nil)
)

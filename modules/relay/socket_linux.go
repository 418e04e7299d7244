// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"

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

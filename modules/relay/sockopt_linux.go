// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// LocalAddr returns the address of this end.
func (s *Socket) LocalAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local == nil {
		address, err := unix.Getsockname(s.fd)
		if err != nil { // it is closed
			return new(net.TCPAddr)
		}
		s.local = net.TCPAddrFromAddrPort(addrPort(address))
	}
	return s.local
}

// ServerLocal returns this end's address of the connection to the server, on the shard that has
// just connected it.
func (s *Session) ServerLocal() netip.AddrPort {
	address, err := unix.Getsockname(int(s.engine.sides[Server].fd))
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(address)
}

// RemoteAddr returns the address of the other end.
func (s *Socket) RemoteAddr() net.Addr { return s.remote }

func addrPort(address unix.Sockaddr) netip.AddrPort {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(zoned(a.Addr, a.ZoneId).Unmap(), uint16(a.Port))
	default:
		return netip.AddrPort{}
	}
}

// SetDeadline sets both deadlines.
func (s *Socket) SetDeadline(at time.Time) error {
	return s.withFD("set", func(int) error {
		s.in.setDeadline(at)
		s.out.setDeadline(at)
		return nil
	})
}

// SetReadDeadline sets when reading gives up; zero: never.
func (s *Socket) SetReadDeadline(at time.Time) error {
	return s.withFD("set", func(int) error { s.in.setDeadline(at); return nil })
}

// SetWriteDeadline sets when writing gives up; zero: never.
func (s *Socket) SetWriteDeadline(at time.Time) error {
	return s.withFD("set", func(int) error { s.out.setDeadline(at); return nil })
}

func (w *waiter) setDeadline(at time.Time) {
	w.deadline, w.lastTry = at, !at.IsZero() && time.Now().Before(at)
	if w.ready != nil {
		w.wake()
	}
}

// CloseWrite shuts down the sending side: the other end reads EOF.
func (s *Socket) CloseWrite() error {
	return s.withFD("close", func(fd int) error { return shutdown(fd, unix.SHUT_WR) })
}

// CloseRead shuts down the reading side.
func (s *Socket) CloseRead() error {
	return s.withFD("close", func(fd int) error { return shutdown(fd, unix.SHUT_RD) })
}

// SetLinger works like that of *net.TCPConn: with 0, Close sends RST.
func (s *Socket) SetLinger(sec int) error {
	return s.withFD("set", func(fd int) error { return setLinger(fd, sec >= 0, max(0, sec)) })
}

// SetNoDelay works like that of *net.TCPConn.
func (s *Socket) SetNoDelay(on bool) error {
	value := int32(0)
	if on {
		value = 1
	}
	return s.withFD("set", func(fd int) error { return setOption(fd, unix.SOL_TCP, unix.TCP_NODELAY, value) })
}

// withFD calls f, which must not wait, with the descriptor.
func (s *Socket) withFD(op string, f func(fd int) error) error {
	s.mu.Lock()
	err := net.ErrClosed
	if s.fd >= 0 {
		err = f(s.fd)
	}
	s.mu.Unlock()
	return s.wrap(op, err)
}

// SyscallConn gives access to the descriptor. Functions called with it must not wait, nor call the
// socket's methods.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return rawSocket{s}, nil }

type rawSocket struct{ s *Socket }

func (r rawSocket) Control(f func(fd uintptr)) error {
	return r.s.withFD("raw-control", func(fd int) error { f(uintptr(fd)); return nil })
}

func (r rawSocket) Read(f func(fd uintptr) bool) error { return r.call(&r.s.in, "raw-read", f) }

func (r rawSocket) Write(f func(fd uintptr) bool) error { return r.call(&r.s.out, "raw-write", f) }

func (r rawSocket) call(w *waiter, op string, f func(fd uintptr) bool) error {
	return r.s.wrap(op, r.s.untilReady(w, func(fd int) error {
		if f(uintptr(fd)) {
			return nil
		}
		return unix.EAGAIN
	}))
}

// keepAlive makes the kernel probe the other end after 15 s of silence, as package net does.
func keepAlive(fd int) {
	_ = setOption(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = setOption(fd, unix.SOL_TCP, unix.TCP_KEEPIDLE, 15)
	_ = setOption(fd, unix.SOL_TCP, unix.TCP_KEEPINTVL, 15)
}

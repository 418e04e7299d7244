// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// LocalAddr is the address of this side.
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

// RemoteAddr is the address of the other side.
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

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (s *Socket) SetDeadline(at time.Time) error {
	return s.option("set", func(int) error {
		s.in.until(at)
		s.out.until(at)
		return nil
	})
}

// SetReadDeadline is when reading is given up; zero: never.
func (s *Socket) SetReadDeadline(at time.Time) error {
	return s.option("set", func(int) error { s.in.until(at); return nil })
}

// SetWriteDeadline is when writing is given up; zero: never.
func (s *Socket) SetWriteDeadline(at time.Time) error {
	return s.option("set", func(int) error { s.out.until(at); return nil })
}

func (w *waiting) until(at time.Time) {
	w.deadline, w.looks = at, !at.IsZero() && time.Now().Before(at)
	if w.ready != nil {
		w.wake()
	}
}

// CloseWrite tells the other side that nothing more comes.
func (s *Socket) CloseWrite() error {
	return s.option("close", func(fd int) error { return shutdown(fd, unix.SHUT_WR) })
}

// CloseRead has nothing more be read.
func (s *Socket) CloseRead() error {
	return s.option("close", func(fd int) error { return shutdown(fd, unix.SHUT_RD) })
}

// SetLinger is that of *net.TCPConn: with 0, Close sends RST.
func (s *Socket) SetLinger(sec int) error {
	return s.option("set", func(fd int) error { return setLinger(fd, sec >= 0, max(0, sec)) })
}

// SetNoDelay is that of *net.TCPConn.
func (s *Socket) SetNoDelay(on bool) error {
	value := int32(0)
	if on {
		value = 1
	}
	return s.option("set", func(fd int) error { return setOption(fd, unix.SOL_TCP, unix.TCP_NODELAY, value) })
}

// option does something at once.
func (s *Socket) option(op string, f func(fd int) error) error {
	s.mu.Lock()
	err := net.ErrClosed
	if s.fd >= 0 {
		err = f(s.fd)
	}
	s.mu.Unlock()
	return s.wrap(op, err)
}

// SyscallConn gives access to the descriptor. What is called with it must not
// wait, nor call the socket's methods.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return rawSocket{s}, nil }

type rawSocket struct{ s *Socket }

func (r rawSocket) Control(f func(fd uintptr)) error {
	return r.s.option("raw-control", func(fd int) error { f(uintptr(fd)); return nil })
}

func (r rawSocket) Read(f func(fd uintptr) bool) error { return r.until(&r.s.in, "raw-read", f) }

func (r rawSocket) Write(f func(fd uintptr) bool) error { return r.until(&r.s.out, "raw-write", f) }

func (r rawSocket) until(w *waiting, op string, f func(fd uintptr) bool) error {
	return r.s.wrap(op, r.s.use(w, func(fd int) error {
		if f(uintptr(fd)) {
			return nil
		}
		return unix.EAGAIN
	}))
}

// keepAlive has the kernel look after 15 s of silence whether the other side is
// still there, as package net does.
func keepAlive(fd int) {
	_ = setOption(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = setOption(fd, unix.SOL_TCP, unix.TCP_KEEPIDLE, 15)
	_ = setOption(fd, unix.SOL_TCP, unix.TCP_KEEPINTVL, 15)
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// IsOpen reports whether a connection to a server that nothing has been sent to yet can still be
// used: the server has neither closed it nor broken it, as far as this system knows. Bytes that it
// may have sent remain to be read. It does not block.
func IsOpen(server net.Conn) bool {
	if s, ok := server.(*Socket); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.owned() && isOpen(s.fd)
	}
	raw, ok := Raw(server)
	if !ok {
		return false
	}
	open := false
	_ = raw.Control(func(fd uintptr) { open = isOpen(int(fd)) })
	return open
}

// isOpen checks a descriptor.
func isOpen(fd int) bool {
	for {
		var b [1]byte
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b[:]))), 1, unix.MSG_DONTWAIT|unix.MSG_PEEK, 0, 0) //nolint:gosec // as package syscall does
		switch errno {
		case unix.EINTR:
		case unix.EAGAIN:
			return true
		default:
			return errno == 0 && n > 0
		}
	}
}

// SendFirst sends the first bytes to a server that is connected already, and reports whether that
// was possible. Start does not send them again. It does not block: Start sends what the kernel does
// not take at once.
func SendFirst(server net.Conn, first []byte) bool {
	s, ok := server.(*Socket)
	if !ok {
		return true // Start does it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owned() {
		return false
	}
	n, err := sendFirst(s.fd, first, 0, false)
	s.sent = n
	return err == nil || err == unix.EAGAIN //nolint:errorlint // an Errno
}

// useReady takes over a connection to the server that is ready, and sends the first bytes. It
// reports whether that was possible.
func (s *Session) useReady(ready *Socket) bool {
	fd, at, ok := ready.detachFD()
	if !ok {
		return false
	}
	at.unwatch(fd)
	a, server := s.arrival(), &s.engine.sides[Server]
	server.fd = int32(fd)
	if s.finishConnect() && a.failed == nil {
		return true
	}
	closeFD(fd)
	server.fd, a.failed, a.sent = -1, nil, 0
	return false
}

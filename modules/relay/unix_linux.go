// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// DialUnix connects to the Unix socket at a path and sends first, as Dial does. The kernel makes
// such a connection at once or, if the server's queue is full, not at all, so that there is no
// wait. An abstract name may be padded with NUL.
func DialUnix(path string, first []byte) (net.Conn, error) {
	remote := &net.UnixAddr{Net: "unix", Name: strings.TrimRight(path, "\x00")}
	s := &Socket{remote: remote, local: &net.UnixAddr{Net: "unix"}}
	if err := s.dialUnix(path, first); err != nil {
		_ = s.Close()
		return nil, &net.OpError{Op: "dial", Net: "unix", Addr: remote, Err: err}
	}
	return s, nil
}

func (s *Socket) dialUnix(path string, first []byte) (err error) {
	if s.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		s.fd = -1
		return os.NewSyscallError("socket", err)
	}
	if err = connectUnix(s.fd, path); err != nil {
		return os.NewSyscallError("connect", err)
	}
	if len(first) > 0 {
		if s.sent, err = write(s.fd, first); err != nil && err != unix.EAGAIN { //nolint:errorlint // an Errno
			return os.NewSyscallError("write", err)
		}
	}
	return nil
}

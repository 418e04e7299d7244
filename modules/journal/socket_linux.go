// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// dialer returns a dialer to the journal's socket.
func dialer(path string) syslog.Dialer {
	return syslog.Dialer{Dial: func(ctx context.Context) (io.WriteCloser, error) { return dial(ctx, path) }}
}

func dial(ctx context.Context, path string) (io.WriteCloser, error) {
	conn, err := new(net.Dialer).DialUnix(ctx, "unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &socket{conn}, nil
}

// socket is a connection to the journal's socket.
type socket struct{ *net.UnixConn }

// Write sends an entry. One that no datagram holds is passed in a sealed file in memory.
func (s *socket) Write(entry []byte) (int, error) {
	n, err := s.UnixConn.Write(entry)
	if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
		return n, err
	}
	if err := s.pass(entry); err != nil {
		return 0, err
	}
	return len(entry), nil
}

// pass passes an entry in a file.
func (s *socket) pass(entry []byte) error {
	fd, err := unix.MemfdCreate("journal-entry", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "journal-entry")
	defer file.Close()
	if _, err := file.Write(entry); err != nil {
		return err
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(to uintptr) (done bool) {
		failed = unix.Sendmsg(int(to), nil, unix.UnixRights(fd), nil, 0)
		return !errors.Is(failed, unix.EAGAIN)
	})
	return errors.Join(err, os.NewSyscallError("sendmsg", failed))
}

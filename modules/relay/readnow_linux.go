// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ReadNow reads bytes that c has already received. Without any, the error is
// os.ErrDeadlineExceeded. A deadline in the past would not do: package net then does not read at
// all.
func ReadNow(c net.Conn, p []byte) (n int, err error) {
	raw, ok := Raw(c)
	if !ok {
		return readSoon(c, p)
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, failed = read(int(fd), p)
		return true
	})
	switch {
	case err != nil:
		return 0, err
	case failed == unix.EAGAIN: //nolint:errorlint // an Errno
		return 0, os.ErrDeadlineExceeded
	case failed != nil:
		return 0, os.NewSyscallError("read", failed)
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

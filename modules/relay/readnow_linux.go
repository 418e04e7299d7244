// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ReadNow reads what c has received already. Where that is nothing, the error is
// os.ErrDeadlineExceeded: a deadline in the past has package net not look at all.
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

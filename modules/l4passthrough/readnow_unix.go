// SPDX-License-Identifier: Apache-2.0

//go:build unix

package l4passthrough

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// readNow reads what c has received already. Where that is nothing, the error is
// os.ErrDeadlineExceeded: a deadline in the past has package net not look at all.
func readNow(c net.Conn, p []byte) (n int, err error) {
	var raw syscall.RawConn
	switch c := c.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	default:
		return readSoon(c, p)
	}
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for {
			n, failed = syscall.Read(int(fd), p)
			if !errors.Is(failed, syscall.EINTR) {
				return true
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case errors.Is(failed, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case failed != nil:
		return 0, os.NewSyscallError("read", failed)
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

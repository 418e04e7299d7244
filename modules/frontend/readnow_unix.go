// SPDX-License-Identifier: Apache-2.0

//go:build unix

package frontend

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// readNow reads what c has received already. Where that is nothing, the error is
// os.ErrDeadlineExceeded: a deadline in the past has package net not look at all.
func readNow(c net.Conn, p []byte) (n int, err error) {
	raw, ok := relay.Raw(c)
	if !ok {
		return readSoon(c, p)
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

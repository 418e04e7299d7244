// SPDX-License-Identifier: Apache-2.0

//go:build unix

package syslogwriter

import (
	"os"

	"golang.org/x/sys/unix"
)

// duplicated returns a duplicate of a descriptor.
func duplicated(n int) (*os.File, error) {
	d, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(d), "log"), nil
}

// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// descriptors holds the descriptors that the process was started with and that were taken over.
// They stay open: a later configuration may need them. It is guarded by socketsMu.
var descriptors = make(map[int]bool)

// openDescriptor takes over a descriptor that the process was started with. The starter may share
// it.
func openDescriptor(number string) (kernel, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	if !descriptors[n] {
		if err := validateDescriptor(n); err != nil {
			return nil, fmt.Errorf("descriptor %d: %w", n, err)
		}
		unix.CloseOnExec(n)
		descriptors[n] = true
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	if protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err == nil && protocol == unix.IPPROTO_TCP {
		k, err := newTCPKernel(fd)
		if err != nil {
			return nil, err
		}
		k.borrowed = true
		return k, nil
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer func() { _ = file.Close() }() // the listener has a duplicate
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return netKernel{ln.(deadliner), true}, nil
}

// validateDescriptor returns an error if a descriptor is not one that can be taken over. Those that
// the process has opened itself have FD_CLOEXEC.
func validateDescriptor(n int) error {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return errors.New("the process was not started with it: expected a listening socket from systemd (ListenStream=) or another starter")
	}
	listening, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		return errors.New("not a listening socket: expected a stream socket (ListenStream=)")
	}
	if kind, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return errors.New("not a stream socket: expected ListenStream=")
	}
	return nil
}

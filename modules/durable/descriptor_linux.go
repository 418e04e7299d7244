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

// descriptors are those that the process has been started with and that have been
// taken over. They stay open: a later configuration may want them. It is guarded
// by socketsMu.
var descriptors = make(map[int]bool)

// openDescriptor takes over a descriptor that the process has been started with.
// Whoever started it may have it, too.
func openDescriptor(number string) (kernel, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	if !descriptors[n] {
		if err := checkDescriptor(n); err != nil {
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

// checkDescriptor says what is wrong with a descriptor. Those that the process has
// opened itself are closed on exec.
func checkDescriptor(n int) error {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return errors.New("the process has not been started with it: expected a listening socket of systemd (ListenStream=) or another starter")
	}
	listening, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		return errors.New("it is no listening socket: expected one of streams (ListenStream=)")
	}
	if kind, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return errors.New("it is a socket of another kind: expected one of streams (ListenStream=)")
	}
	return nil
}

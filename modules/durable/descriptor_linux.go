// SPDX-License-Identifier: Apache-2.0

package durable

import (
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
	if domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && domain != unix.AF_UNIX {
		k, err := newTCPKernel(fd)
		if err == nil {
			k.borrowed = true
		}
		return k, err
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return netKernel{ln.(*net.UnixListener), true}, nil
}

// checkDescriptor says what is wrong with a descriptor. Those that the process has
// opened itself are closed on exec.
func checkDescriptor(n int) error {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return fmt.Errorf("the process has not been started with it: expected a listening socket of systemd (ListenStream=) or another starter")
	}
	listening, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		return fmt.Errorf("it is no listening socket: expected one of streams (ListenStream=)")
	}
	domain, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_DOMAIN)
	protocol, err2 := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	kind, err3 := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case err != nil || err2 != nil || err3 != nil:
	case domain == unix.AF_UNIX && kind == unix.SOCK_STREAM:
		return nil
	case (domain == unix.AF_INET || domain == unix.AF_INET6) && protocol == unix.IPPROTO_TCP:
		return nil
	}
	return fmt.Errorf("it is a socket of another kind: expected TCP or a Unix stream socket")
}

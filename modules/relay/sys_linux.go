// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"encoding/binary"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// None of these calls waits: all descriptors are non-blocking. So they bypass the scheduler. If it
// knew of them, it would take some for blocking calls (those that run through the whole network
// path on this system above all) and would wake up a thread to go on instead.
//
// An address is converted to a number in the call itself (rule 4 of unsafe.Pointer), and nowhere
// else: between the two, the stack that it points to could move.

// result returns what a call has returned.
func result(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// read receives from a socket. recvfrom takes a tenth less time than read, which serves any file.
func read(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // as package syscall does
		if errno != unix.EINTR {
			return result(n, errno)
		}
	}
}

// write sends to a socket, without SIGPIPE if the connection is gone.
func write(fd int, b []byte) (int, error) { return sendWith(fd, b, 0) }

// writeMore writes before a shutdown that follows at once: the FIN leaves with the last bytes.
func writeMore(fd int, b []byte) (int, error) { return sendWith(fd, b, unix.MSG_MORE) }

func sendWith(fd int, b []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT|flags, 0, 0) //nolint:gosec // as package syscall does
		if errno != unix.EINTR {
			return result(n, errno)
		}
	}
}

func splice(from, to, most int) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(most), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if errno != unix.EINTR {
			return result(n, errno)
		}
	}
}

// closeFD closes a descriptor. Linux closes it whatever it answers: to try again could close
// another one with the same number.
func closeFD(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// shutdown closes one direction, or both: SHUT_RD, SHUT_WR, SHUT_RDWR. An error means that the
// connection is gone, which a later call reports.
func shutdown(fd, how int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0)
	_, err := result(0, errno)
	return err
}

// duplicate returns a duplicate of a descriptor, or -1.
func duplicate(fd int) int {
	other, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1
	}
	return int(other)
}

func epollControl(set, op, fd int, e *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(set), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(e)), 0, 0) //nolint:gosec // as package syscall does
	_, err := result(0, errno)
	return err
}

// epollWait returns the events that are ready. It does not wait.
func epollWait(set int, events []unix.EpollEvent) int {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(set), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0) //nolint:gosec // as package syscall does
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR:
		default:
			return 0
		}
	}
}

func setOption(fd, level, option int, value int32) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0) //nolint:gosec // as package syscall does
	_, err := result(0, errno)
	return err
}

// bindToDevice makes a socket send and receive through one interface only.
func bindToDevice(fd int, name string) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, uintptr(unsafe.Pointer(unsafe.StringData(name))), uintptr(len(name)), 0) //nolint:gosec // as package syscall does
	_, err := result(0, errno)
	return err
}

// setLinger sets SO_LINGER. With on and 0 seconds, the close of fd sends RST.
func setLinger(fd int, on bool, seconds int) error {
	value := unix.Linger{Linger: int32(seconds)}
	if on {
		value.Onoff = 1
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0) //nolint:gosec // as package syscall does
	_, err := result(0, errno)
	return err
}

// getOption returns an option of level SOL_SOCKET.
func getOption(fd, option int) (int, error) {
	var value int32
	length := uint32(unsafe.Sizeof(value))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, uintptr(option), uintptr(unsafe.Pointer(&value)), uintptr(unsafe.Pointer(&length)), 0) //nolint:gosec // as package syscall does
	return result(uintptr(value), errno)
}

// queued returns how many bytes a socket holds: unread for SIOCINQ, not acknowledged for SIOCOUTQ.
func queued(fd int, request uint) (int, error) {
	var value int32
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&value))) //nolint:gosec // as package syscall does
	return result(uintptr(value), errno)
}

func newSocket(to netip.AddrPort) (int, error) {
	family := unix.AF_INET6
	if to.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return result(fd, errno)
}

// connect begins to connect, or connects.
func connect(fd int, to netip.AddrPort) error {
	var address unix.RawSockaddrInet6
	length := fillAddress(&address, to)
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&address)), length) //nolint:gosec // as package syscall does
	switch errno {
	case unix.EINPROGRESS, unix.EINTR:
		return nil
	default:
		_, err := result(0, errno)
		return err
	}
}

// bind gives a socket its address.
func bind(fd int, at netip.AddrPort) error {
	var address unix.RawSockaddrInet6
	length := fillAddress(&address, at)
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&address)), length) //nolint:gosec // as package syscall does
	_, err := result(0, errno)
	return err
}

// fillAddress writes an address in the kernel's form, and returns its length.
func fillAddress(address *unix.RawSockaddrInet6, at netip.AddrPort) uintptr {
	port := networkOrder(at.Port())
	if ip := at.Addr(); !ip.Is4() {
		*address = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: ip.As16(), Scope_id: zone(ip.Zone())}
		return unix.SizeofSockaddrInet6
	}
	*(*unix.RawSockaddrInet4)(unsafe.Pointer(address)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: at.Addr().As4()} //nolint:gosec // the smaller of the two
	return unix.SizeofSockaddrInet4
}

// connectUnix connects to a Unix socket. A path that begins with @ or NUL is an abstract name.
func connectUnix(fd int, path string) error {
	address := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	abstract := path != "" && (path[0] == '@' || path[0] == 0)
	if len(path) > len(address.Path) || len(path) == len(address.Path) && !abstract {
		return unix.EINVAL
	}
	for i := range len(path) {
		address.Path[i] = int8(path[i])
	}
	length := unsafe.Offsetof(address.Path) + uintptr(len(path))
	if abstract {
		address.Path[0] = 0
	} else {
		length++ // the terminating NUL
	}
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&address)), length) //nolint:gosec // as package syscall does
		if errno != unix.EINTR {
			_, err := result(0, errno)
			return err
		}
	}
}

// networkOrder converts a port between this system's byte order and the network's.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// accept accepts a connection from a listening socket.
func accept(listening int) (fd int, remote netip.AddrPort, err error) {
	var address unix.RawSockaddrInet6
	length := uint32(unix.SizeofSockaddrInet6)
	n, errno := uintptr(0), unix.EINTR
	for errno == unix.EINTR {
		n, _, errno = unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&length)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0) //nolint:gosec // as package syscall does
	}
	fd, err = result(n, errno)
	switch port := networkOrder(address.Port); address.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&address)) //nolint:gosec // the smaller of the two
		remote = netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	case unix.AF_INET6:
		remote = netip.AddrPortFrom(zoned(address.Addr, address.Scope_id).Unmap(), port)
	}
	return fd, remote, err
}

// zoned returns an IPv6 address with the interface that it belongs to.
func zoned(ip [16]byte, index uint32) netip.Addr {
	a := netip.AddrFrom16(ip)
	if index == 0 {
		return a
	}
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return a.WithZone(i.Name)
	}
	return a
}

// zone returns the index of the interface that an address names; 0: none.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return uint32(i.Index)
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// None of these calls waits: all descriptors are non-blocking. So the scheduler
// is not told of them. If it were, it would take some for ones that wait, those
// that run through the network's whole path on this system above all, and would
// wake up a thread to go on instead.

func call(number, a, b, c uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(number, a, b, c)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func call6(number, a, b, c, d, e, f uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(number, a, b, c, d, e, f)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func read(fd int, b []byte) (int, error) {
	return call(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))) //nolint:gosec // as package syscall does
}

// write is send, without a signal where there is nobody to read it.
func write(fd int, b []byte) (int, error) {
	return call6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // as package syscall does
}

func splice(from, to, most int) (int, error) {
	return call6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(most), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
}

// closeFD closes a descriptor. It is closed whatever Linux answers: to try again
// could close somebody else's.
func closeFD(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// shutdown closes one direction. An error means that it is gone, which will be seen.
func shutdown(fd int) { _, _ = call(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0) }

// duplicate is another descriptor of what fd is one of, or -1.
func duplicate(fd int) int {
	other, err := call(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return other
}

func epollControl(set, op, fd int, e *unix.EpollEvent) error {
	_, err := call6(unix.SYS_EPOLL_CTL, uintptr(set), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(e)), 0, 0) //nolint:gosec // as package syscall does
	return err
}

// epollWait does not wait.
func epollWait(set int, events []unix.EpollEvent) int {
	n, err := call6(unix.SYS_EPOLL_PWAIT, uintptr(set), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0) //nolint:gosec // as package syscall does
	if err != nil {
		return 0
	}
	return n
}

func setOption(fd, level, option int, value int32) {
	_, _ = call6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0) //nolint:gosec // as package syscall does
}

func newSocket(to netip.AddrPort) (int, error) {
	family := unix.AF_INET6
	if to.Addr().Is4() {
		family = unix.AF_INET
	}
	return call(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// connect begins to connect, or does.
func connect(fd int, to netip.AddrPort) error {
	var address unix.RawSockaddrInet6
	length := uintptr(unix.SizeofSockaddrInet6)
	port := to.Port()<<8 | to.Port()>>8 // in network order
	if !nativeIsLittle {
		port = to.Port()
	}
	if ip := to.Addr(); ip.Is4() {
		length = unix.SizeofSockaddrInet4
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&address)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: ip.As4()} //nolint:gosec // the smaller of the two
	} else {
		address = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: ip.As16(), Scope_id: zone(ip.Zone())}
	}
	_, err := call(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&address)), length) //nolint:gosec // as package syscall does
	runtime.KeepAlive(&address)
	if err == unix.EINPROGRESS || err == unix.EALREADY { //nolint:errorlint // an Errno
		return nil
	}
	return err
}

var nativeIsLittle = func() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1 //nolint:gosec // the first of two bytes
}()

// accept takes a connection from a listening socket.
func accept(listening int) (fd int, remote netip.AddrPort, err error) {
	var address unix.RawSockaddrInet6
	length := uint32(unix.SizeofSockaddrInet6)
	fd, err = call6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&length)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0) //nolint:gosec // as package syscall does
	port := address.Port
	if nativeIsLittle {
		port = port<<8 | port>>8
	}
	switch address.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&address)) //nolint:gosec // the smaller of the two
		remote = netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	case unix.AF_INET6:
		remote = netip.AddrPortFrom(zoned(address.Addr, address.Scope_id).Unmap(), port)
	}
	return fd, remote, err
}

// zoned is an address of IPv6, with the interface that it belongs to.
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

// zone is the index of an interface, which an address may name.
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

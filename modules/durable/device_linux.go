// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"encoding/binary"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arrivalDevice returns the index of the interface at which a connection arrived, or 0 if the
// kernel does not say. The kernel keeps it for accepted connections, and shows it like the address
// of a datagram (ip(7), IP_PKTINFO).
func arrivalDevice(conn net.Conn) (index int) {
	local, _ := conn.LocalAddr().(*net.TCPAddr)
	c, ok := conn.(syscall.Conn)
	if !ok || local == nil {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if local.IP.To4() != nil {
			index = deviceIn(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, unix.IP_PKTOPTIONS, unix.IP_PKTINFO, 0)
		} else {
			index = deviceIn(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, unix.IPV6_2292PKTOPTIONS, unix.IPV6_PKTINFO, net.IPv6len)
		}
	})
	return index
}

// deviceIn gets the control message of a kind that an option returns while another is set, and
// returns the index at an offset in it.
func deviceIn(fd, level, enable, option int, kind int32, at int) int {
	if unix.SetsockoptInt(fd, level, enable, 1) != nil {
		return 0
	}
	defer func() { _ = unix.SetsockoptInt(fd, level, enable, 0) }()
	b := make([]byte, 256)
	n := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(&n)), 0) //nolint:gosec // as package syscall does
	if errno != 0 {
		return 0
	}
	messages, err := unix.ParseSocketControlMessage(b[:n])
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if m.Header.Type == kind && len(m.Data) >= at+4 {
			return int(binary.NativeEndian.Uint32(m.Data[at:]))
		}
	}
	return 0
}

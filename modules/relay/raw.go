// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"syscall"
)

// Raw returns access to the socket of a connection whose bytes are those of the socket. It fails
// for a wrapper such as TLS, whose bytes may differ.
func Raw(c net.Conn) (syscall.RawConn, bool) {
	if !isSocket(c) {
		return nil, false
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	return raw, err == nil
}

// isSocket reports whether the bytes of a connection are those of its socket.
func isSocket(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	default:
		return isOwn(c)
	}
}

// Abort makes the next Close of a connection send RST, if it can.
func Abort(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
}

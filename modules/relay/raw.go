// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"syscall"
)

// Raw gives access to the socket of a connection whose bytes are those of the
// socket: where something is wrapped around it, they may be others.
func Raw(c net.Conn) (syscall.RawConn, bool) {
	if !isSocket(c) {
		return nil, false
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	return raw, err == nil
}

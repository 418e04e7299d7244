// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// waitForLeaving waits until a client's connection breaks or, with untilFin, the client closes its
// sending side. It returns nil when a read deadline comes first. It reads nothing.
func waitForLeaving(c net.Conn, untilFin bool) error {
	raw, ok := relay.Raw(c)
	if !ok {
		return nil
	}
	var left error
	_ = raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if _, err := unix.Poll(fds, 0); err != nil {
			return false
		}
		switch events := fds[0].Revents; {
		case events&unix.POLLERR != 0:
			left = errClientReset
		case untilFin && events&unix.POLLRDHUP != 0:
			left = errClientFin
		}
		return left != nil
	})
	return left
}

// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// silence makes the next Close of c say nothing to the client, as HAProxy's
// silent-drop does. A socket in repair mode is closed without FIN or RST; that
// needs CAP_NET_ADMIN. Without it the RST is sent so that it dies at the first
// router.
func silence(c net.Conn) {
	raw, ok := relay.Raw(c)
	if !ok {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_TCP, unix.TCP_REPAIR, 1) == nil {
			return
		}
		_ = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TTL, 1)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, 1)
		_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
}

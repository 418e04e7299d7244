// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// tcpInfo answers fetches about the kernel's state of a connection, with times in microseconds. It
// has no answer if the connection's socket cannot be reached.
func tcpInfo(conn net.Conn, fetch string) (sample.Value, bool) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return sample.Value{}, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return sample.Value{}, false
	}
	var info *unix.TCPInfo
	var failed error
	err = raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err != nil || failed != nil {
		return sample.Value{}, false
	}
	n, ok := map[string]uint32{
		"fc_rtt": info.Rtt, "fc_rttvar": info.Rttvar, "fc_unacked": info.Unacked, "fc_sacked": info.Sacked, "fc_retrans": info.Retrans,
		"fc_fackets": info.Fackets, "fc_lost": info.Lost, "fc_reordering": info.Reordering,
	}[fetch]
	return sample.Integer(int64(n)), ok
}

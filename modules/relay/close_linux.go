// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"

	"golang.org/x/sys/unix"
)

// closeBoth begins to close both connections.
func (s *Session) closeBoth(sh *shard, step Step, now int64) {
	es, a := &s.engine, s.arrival()
	if server := &es.sides[Server]; server.fd >= 0 {
		closeFD(int(server.fd))
		server.fd = -1
	}
	fd := int(es.sides[Client].fd)
	if len(step.Last) > 0 {
		_, _ = write(fd, step.Last) // a later call sees the error
	}
	switch step.Manner {
	case Abruptly:
		_ = setLinger(fd, true, 0)
	case Silently:
		silence(fd)
	case InOrder:
		_ = shutdown(fd, unix.SHUT_WR)
		a.stage, a.readable, a.deadline = draining, true, 0
		if len(step.Last) > 0 {
			a.deadline = now + int64(drainTimeout)
		}
		s.drainClient(sh, now)
		return
	}
	s.finish(sh)
}

// drainClient discards what the client has sent since its connection was closed in order. It
// finishes the session at the client's end, at drainLimit, or when the time for it has passed.
func (s *Session) drainClient(sh *shard, now int64) {
	a, fd := s.arrival(), int(s.engine.sides[Client].fd)
	for a.readable && a.drained < drainLimit {
		var n int
		var err error
		if sh != nil {
			n, err = read(fd, sh.buffer[:])
		} else {
			var b [2 << 10]byte
			n, err = read(fd, b[:])
		}
		a.readable = err != unix.EAGAIN //nolint:errorlint // an Errno
		if a.drained += n; n <= 0 && a.readable {
			a.drained = drainLimit // the client's end
		}
	}
	if a.drained >= drainLimit || now >= a.deadline {
		s.finish(sh)
	}
}

// Silence makes the next Close of a connection send nothing, if it can, as HAProxy's silent-drop
// does.
func Silence(c net.Conn) {
	if raw, ok := Raw(c); ok {
		_ = raw.Control(func(fd uintptr) { silence(int(fd)) })
	}
}

// silence makes the close of fd invisible to the client. A socket in repair mode is closed without
// FIN or RST; that needs CAP_NET_ADMIN. Without it, the RST is sent with a TTL of 1, so that the
// first router drops it.
//
// Bytes that have arrived are acknowledged before: the client would send them again, and get a RST.
func silence(fd int) {
	_ = setOption(fd, unix.SOL_TCP, unix.TCP_QUICKACK, 1)
	if setOption(fd, unix.SOL_TCP, unix.TCP_REPAIR, 1) == nil {
		return
	}
	_ = setOption(fd, unix.SOL_IP, unix.IP_TTL, 1)
	_ = setOption(fd, unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, 1)
	_ = setLinger(fd, true, 0)
}

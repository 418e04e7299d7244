// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// dialing begins to connect a new socket. Tests have it connect to what they like.
//
// The kernel acknowledges the server's SYN-ACK at once by a packet of its own. Where the first
// bytes follow anyway (first), they carry that acknowledgement, as with HAProxy's
// tcp-smart-connect. Without them the server would hear of the connection up to 200 ms later.
var dialing = func(to netip.AddrPort, keep, first bool) (fd int, err error) {
	if fd, err = newSocket(to); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	_ = setOption(fd, unix.SOL_TCP, unix.TCP_NODELAY, 1)
	if first {
		_ = setOption(fd, unix.SOL_TCP, unix.TCP_QUICKACK, 0)
	}
	if keep {
		keepAlive(fd)
	}
	if err := connect(fd, to); err != nil {
		closeFD(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// connect begins to connect to a server, and sends what is to be sent first if the server is
// there at once, as one on this system is.
func (s *Session) connect(step Step, now int64) {
	p, e := &s.parked, s.early()
	e.stage, e.failed, e.server, e.heard, e.watched = connecting, nil, 0, 0, false
	e.to = netip.AddrPortFrom(step.To.Addr().Unmap(), step.To.Port())
	e.first, e.untilFin = step.First, step.UntilFin
	e.slow, e.due = now+int64(slowConnect), 0
	if step.Timeout > 0 {
		e.due = now + int64(step.Timeout)
		if step.Timeout <= slowConnect {
			e.slow = 0
		}
	}
	if e.present {
		e.slow = 0
	}
	fd, err := dialing(e.to, step.KeepAlive, len(e.first) > 0)
	if err != nil {
		e.failed = err
		return
	}
	p.sides[Server].fd = int32(fd)
	if len(e.first) > 0 && s.reaches() {
		return
	}
	here := s.placeOf(Server)
	here.out = true
	if e.failed = here.watch(fd, Server); e.failed == nil {
		e.watched = true
		p.sides[Server].set(forRoom)
	}
}

// reaches looks whether the server has been reached, by sending it what it is to be sent
// first. It reports whether that is decided.
func (s *Session) reaches() bool {
	e := s.early()
	n, err := sendFirst(int(s.parked.sides[Server].fd), e.first)
	switch err {
	case nil:
		e.reached, e.sent = true, n
		s.parked.sides[Client].sent.Store(int64(n))
	case unix.EAGAIN: //nolint:errorlint // an Errno
		return false
	default:
		e.failed = os.NewSyscallError("connect", err)
	}
	return true
}

// await returns what there is to tell while the server is connected to.
func (s *Session) await(now int64) (News, bool) {
	e := s.early()
	late := e.due != 0 && now >= e.due
	if ready := e.server; !e.reached && e.failed == nil && (ready != 0 || late) {
		e.heard, e.server = e.heard|ready, 0
		if !s.reaches() && late {
			e.failed = os.ErrDeadlineExceeded
		}
	}
	if e.slow != 0 && now >= e.slow {
		e.slow, e.present = 0, true
	}
	switch {
	case e.reached:
		if e.sent < len(e.first) {
			e.rest = bytes.Clone(e.first[e.sent:])
		}
		e.first, e.slow, e.due = nil, 0, 0
		return News{Event: Connected}, true
	case e.failed != nil:
		return News{Event: Refused, Err: s.refused()}, true
	case e.present && !e.left && (e.broken || e.untilFin && e.finished):
		e.left = true
		var err error
		if e.broken {
			err = os.NewSyscallError("read", unix.ECONNRESET)
		}
		return News{Event: Left, Err: err}, true
	default:
		return News{}, false
	}
}

// refused gives up a server that was not reached, and returns why.
func (s *Session) refused() error {
	e, server := s.early(), &s.parked.sides[Server]
	if server.fd >= 0 {
		closeFD(int(server.fd))
		server.fd = -1
		server.unset(forRoom)
	}
	err := e.failed
	e.first, e.slow, e.due = nil, 0, 0
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(e.to), Err: err}
}

// begin makes the session one that passes bytes both ways.
func (s *Session) begin(sh *shard, o *Options, owner Owner, now int64) {
	p, e := &s.parked, s.early()
	if owner == nil {
		owner = e.handler
	}
	s.more = nil // there was nothing but e
	s.own(owner)
	p.options, p.state = o, running
	e.client.keep()
	defer e.release()
	client, server := &p.sides[Client], &p.sides[Server]
	client.active.Store(now)
	server.active.Store(now)
	client.put(readable, e.readable || e.finished) // its end is read again
	client.put(nearEnd, e.last)
	client.put(complete, e.finished && !e.urgent && !e.broken && !client.has(local))
	heard := e.heard | e.server
	server.put(readable, heard&(unix.EPOLLIN|unix.EPOLLPRI|unix.EPOLLRDHUP|broke) != 0)
	server.put(complete, heard&(unix.EPOLLRDHUP|unix.EPOLLPRI|unix.EPOLLERR) == unix.EPOLLRDHUP)
	server.put(nearEnd, heard&(unix.EPOLLPRI|unix.EPOLLRDHUP|broke) != 0)
	if !e.watched {
		here := s.placeOf(Server)
		if err := here.watch(int(server.fd), Server); err != nil {
			s.fail(sh, Result{By: Proxy, Cause: Failed, Err: err})
			return
		}
	}
	if len(e.rest) > 0 {
		s.write(sh, Client, e.rest, now)
	}
	s.arm()
	for _, of := range both {
		switch {
		case p.state != running || !p.sides[of].has(readable):
		case sh != nil:
			s.move(sh, of, now)
		default: // the shard is told of it once more
			s.again(sh, of)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// startConnect begins to connect a new socket. Tests replace it.
//
// The kernel acknowledges the server's SYN-ACK at once, with a packet of its own. If first bytes
// follow anyway (first), they carry that acknowledgement, as with HAProxy's tcp-smart-connect. If
// none follow, this delay would tell the server of the connection up to 200 ms later.
var startConnect = func(to netip.AddrPort, how outgoing) (fd int, err error) {
	if how.options.hasPorts(how.client) {
		fd, err = how.options.walk(to, how)
	} else {
		fd, err = startFrom(to, how, 0)
	}
	if err != nil && how.options != nil {
		err = how.options.explain(err, how.client)
	}
	return fd, err
}

// startFrom begins to connect a new socket. port is the one of a range to connect from, or 0.
func startFrom(to netip.AddrPort, how outgoing, port uint16) (fd int, err error) {
	if fd, err = how.newSocket(to); err != nil {
		return -1, err
	}
	_ = setOption(fd, unix.SOL_TCP, unix.TCP_NODELAY, 1)
	if how.first {
		_ = setOption(fd, unix.SOL_TCP, unix.TCP_QUICKACK, 0)
	}
	if how.keepAlive {
		keepAlive(fd)
	}
	if how.options != nil {
		if err := how.options.setUp(fd, to, how, port); err != nil {
			closeFD(fd)
			return -1, err
		}
	}
	if err := connect(fd, to); err != nil {
		closeFD(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// connect begins to connect to a server. If the server is connected at once, as one on this system
// is, it sends the first bytes.
func (s *Session) connect(step Step, now int64) {
	es, a := &s.engine, s.arrival()
	a.stage, a.failed, a.serverEvents, a.seenEvents, a.serverWatched = connecting, nil, 0, 0, false
	a.to = netip.AddrPortFrom(step.To.Addr().Unmap(), step.To.Port())
	a.first, a.header, a.sent, a.abortOnClose = step.First, step.Header, 0, step.AbortOnClose
	a.slowAt, a.connectBy = now+int64(slowConnect), 0
	if step.Timeout > 0 {
		a.connectBy = now + int64(step.Timeout)
		if step.Timeout <= slowConnect {
			a.slowAt = 0
		}
	}
	if a.isSlow {
		a.slowAt = 0
	}
	if step.Ready != nil && s.useReady(step.Ready) {
		return
	}
	a.fast = step.Socket != nil && step.Socket.FastOpen
	fd, err := startConnect(a.to, outgoing{
		keepAlive: step.KeepAlive && !step.Socket.replacesKeepAlive(), first: len(a.first) > 0, options: step.Socket, client: step.ClientAddr,
	})
	if err != nil {
		a.failed = err
		return
	}
	es.sides[Server].fd = int32(fd)
	if len(a.first) > 0 && s.finishConnect() {
		return
	}
	here := s.pollSlotOf(Server)
	here.watchedOut = true
	if a.failed = here.watch(fd, Server); a.failed == nil {
		a.serverWatched = true
		es.sides[Server].set(watchedOut)
	}
}

// finishConnect sends the first bytes to find out whether the server is connected. It reports
// whether connecting has succeeded or failed.
func (s *Session) finishConnect() bool {
	a := s.arrival()
	n, err := sendFirst(int(s.engine.sides[Server].fd), a.first, a.sent, a.fast)
	a.sent = n
	switch err {
	case nil:
		a.connected = true
		s.setMoved(int64(n - a.header))
	case unix.EAGAIN: //nolint:errorlint // an Errno
		return false
	default:
		a.failed = os.NewSyscallError("connect", err)
	}
	return true
}

// awaitServer returns the next event of a session that is connecting.
func (s *Session) awaitServer(now int64) (News, bool) {
	a := s.arrival()
	late := isDue(a.connectBy, now)
	if ready := a.serverEvents; !a.connected && a.failed == nil && (ready != 0 || late) {
		a.seenEvents, a.serverEvents = a.seenEvents|ready, 0
		if !s.finishConnect() && late {
			a.failed = os.ErrDeadlineExceeded
		}
	}
	if isDue(a.slowAt, now) {
		a.slowAt, a.isSlow = 0, true
	}
	switch {
	case a.connected:
		if a.sent < len(a.first) {
			a.unsent = bytes.Clone(a.first[a.sent:])
		}
		a.stopConnecting()
		return News{Event: Connected}, true
	case a.failed != nil:
		return News{Event: Refused, Err: s.giveUpServer()}, true
	case a.isSlow && a.clientLeft() && !a.toldLeft:
		a.toldLeft = true
		return News{Event: Left, Err: a.clientError()}, true
	default:
		return News{}, false
	}
}

// isDue reports whether a time has come; 0: it never does.
func isDue(at, now int64) bool { return at != 0 && now >= at }

// clientLeft reports whether the client has left, as AbortOnClose defines it.
func (a *arrival) clientLeft() bool { return a.broken || a.abortOnClose && a.finished }

// clientError returns the error of the client's connection, if it has one.
func (a *arrival) clientError() error {
	if !a.broken {
		return nil
	}
	return os.NewSyscallError("read", unix.ECONNRESET)
}

// stopConnecting drops what only connecting needs.
func (a *arrival) stopConnecting() { a.first, a.slowAt, a.connectBy = nil, 0, 0 }

// giveUpServer closes a server's descriptor after connecting failed, and returns the error.
func (s *Session) giveUpServer() error {
	a, server := s.arrival(), &s.engine.sides[Server]
	if server.fd >= 0 {
		closeFD(int(server.fd))
		server.fd = -1
		server.unset(watchedOut)
	}
	err := a.failed
	a.stopConnecting()
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(a.to), Err: err}
}

// passEventsOn sets the flags of both sides, which begin to run, from their events so far.
func (a *arrival) passEventsOn(client, server *side) {
	client.put(readable, a.readable || a.finished) // its end is read again
	client.put(nearEnd, a.nearEnd)
	client.put(allArrived, a.finished && !a.urgent && !a.broken && !client.has(unixSocket))
	heard := a.seenEvents | a.serverEvents
	server.put(readable, heard&pollReadable != 0)
	server.put(allArrived, allHaveArrived(heard))
	server.put(nearEnd, heard&pollNearEnd != 0)
}

// startRelay moves the session from arriving to running.
func (s *Session) startRelay(sh *shard, o *Options, owner Owner, now int64) {
	es, a := &s.engine, s.arrival()
	if owner == nil {
		owner = a.handler
	}
	waiting := s.more.held
	if s.more = nil; waiting != nil { // else it held nothing but a
		s.extend().held = waiting
	}
	s.setOwner(owner)
	es.options, es.state = o, running
	counts.engine.Add(1)
	a.client.disown()
	defer a.release()
	client, server := &es.sides[Client], &es.sides[Server]
	client.active.Store(now)
	server.active.Store(now)
	a.passEventsOn(client, server)
	if !a.serverWatched {
		here := s.pollSlotOf(Server)
		if err := here.watch(int(server.fd), Server); err != nil {
			s.fail(sh, Result{By: Proxy, Cause: Failed, Err: err})
			return
		}
	}
	if len(a.unsent) > 0 {
		s.write(sh, Client, a.unsent, now)
	}
	s.arm()
	if waiting != nil && es.state == running {
		s.inspectHeld(sh, false, now)
	}
	for _, of := range both {
		switch {
		case es.state != running || !es.sides[of].has(readable):
		case sh != nil:
			s.move(sh, of, now)
		default: // the shard sees the event once more
			s.rearm(sh, of)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// watchClient makes a shard watch the client.
func (s *Session) watchClient(fd int, at pollSlot) (err error) {
	es := &s.engine
	if at.slot != 0 {
		return errors.New("the socket is in use")
	}
	sh := at.shard
	if sh == nil {
		if sh, err = nextShard(); err != nil {
			return err
		}
	}
	es.shardID, es.slot = sh.id, sh.add(s)
	here := s.pollSlotOf(Client)
	if err := here.watch(fd, Client); err != nil {
		here.release()
		return err
	}
	return nil
}

// lend gives the descriptor to a session, as detachFD does, but leaves the socket usable for calls
// that do not wait.
func (s *Socket) lend() (fd int, at pollSlot, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owned() {
		return 0, at, false
	}
	at, s.poll, s.lent = s.poll, pollSlot{}, true
	return s.fd, at, true
}

// takeBack takes the descriptor back from the session.
func (s *Socket) takeBack(at pollSlot) {
	s.mu.Lock()
	s.poll, s.lent = at, false
	s.mu.Unlock()
}

// disown leaves a descriptor that was lent to the session for good.
func (s *Socket) disown() {
	s.mu.Lock()
	s.fd, s.lent = -1, false
	s.mu.Unlock()
}

// Detach ends the session without closing anything. It returns the client's connection and, after
// Connected, the server's; Start then sends the rest of First. Only Next may call it; the Step that
// Next returns is then ignored, and no further event or call follows. ok is false if the session
// has meanwhile been ended from outside: Ended follows.
func (s *Session) Detach() (client, server net.Conn, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	es, a := &s.engine, s.arrival()
	if a == nil || s.extra().cause != nil {
		return nil, nil, false
	}
	near, at := a.client, s.pollSlotOf(Client)
	switch fd := int(es.sides[Server].fd); {
	case fd < 0:
	case !a.connected:
		closeFD(fd)
	default:
		far := &Socket{fd: fd, remote: net.TCPAddrFromAddrPort(a.to), sent: a.sent}
		if far.poll.shard = es.shard(); a.serverWatched {
			_ = epollControl(es.shard().fd, unix.EPOLL_CTL_DEL, fd, nil)
		}
		server = far
	}
	es.shard().replace(es.slot, near)
	near.takeBack(at)
	es.state, es.shardID, es.slot, s.more = over, 0, 0, nil
	a.release()
	return near, server, true
}

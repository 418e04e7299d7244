// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// OnShard calls f with a socket on the goroutine of a shard, as Listening does, as soon as the
// shard gets to it. The socket must not be in use. If OnShard fails, f is not called.
func OnShard(s *Socket, f func(*Socket)) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.owned():
		return net.ErrClosed
	case s.poll.slot != 0:
		return errors.New("the socket is in use")
	}
	h := &posted{socket: s, f: f}
	h.mu.Lock() // the slot may still get events of its last watcher
	defer h.mu.Unlock()
	if s.poll.shard == nil {
		if s.poll.shard, err = nextShard(); err != nil {
			return err
		}
	}
	h.poll = pollSlot{shard: s.poll.shard, slot: s.poll.shard.add(h)}
	h.fd = s.fd
	event := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLET, Fd: h.poll.slot}
	if err := epollControl(h.poll.shard.fd, unix.EPOLL_CTL_ADD, h.fd, &event); err != nil {
		h.poll.release()
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// posted is a socket on its way to a shard.
type posted struct {
	mu     sync.Mutex
	socket *Socket
	f      func(*Socket)
	poll   pollSlot
	fd     int
}

func (h *posted) event(_ *shard, _ Side, _ uint32) {
	h.mu.Lock()
	posted := h.poll.slot != 0
	if posted {
		h.poll.unwatch(h.fd)
	}
	h.mu.Unlock()
	if posted {
		h.f(h.socket)
	}
}

// timerFired implements watcher. A posted socket has no timer.
func (h *posted) timerFired() {}

// Interface guard
var _ watcher = (*posted)(nil)

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	// EPOLLPRI: a read stops before urgent data, so that a short read need not be the last.
	pollIn  = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET
	pollOut = unix.EPOLLOUT
)

// pollSlot is the slot of a shard that a descriptor's events go to.
type pollSlot struct {
	shard      *shard
	slot       int32 // 0: not watched
	watchedOut bool  // watched for room to write, too
}

// watch sends the events of fd to the slot, each of them once (EPOLLET).
func (p *pollSlot) watch(fd int, of Side) error { return p.control(unix.EPOLL_CTL_ADD, fd, of) }

// rearm makes the kernel report once more what fd is ready for, behind events already queued.
func (p *pollSlot) rearm(fd int, of Side) error { return p.control(unix.EPOLL_CTL_MOD, fd, of) }

func (p *pollSlot) control(op, fd int, of Side) error {
	event := unix.EpollEvent{Events: pollIn, Fd: p.slot, Pad: int32(of)}
	if p.watchedOut {
		event.Events |= pollOut
	}
	return os.NewSyscallError("epoll_ctl", epollControl(p.shard.fd, op, fd, &event))
}

// unwatch stops watching fd and releases the slot.
func (p *pollSlot) unwatch(fd int) {
	_ = epollControl(p.shard.fd, unix.EPOLL_CTL_DEL, fd, nil)
	p.release()
}

// release returns the slot to the shard.
func (p *pollSlot) release() {
	if p.slot != 0 {
		p.shard.release(p.slot)
		p.slot = 0
	}
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxAccepts bounds the connections accepted before other events get their turn.
	maxAccepts = 16
	// acceptShare is the number of connections that one shard accepts before the next one takes over.
	acceptShare = 32
	// watchRetryPause is the pause after a failure to watch if Failed returns none.
	watchRetryPause = 5 * time.Millisecond
)

// Listening accepts the connections of a listening socket on the goroutines of the engine's shards,
// so that no other goroutine has to wake up for them. One shard at a time watches the socket: each
// accepts a share and then hands over to the next.
//
// EPOLLEXCLUSIVE would not do that: no thread waits in the shards' epoll sets, which the runtime's
// poller watches, so the kernel would wake up all of them for each connection.
type Listening struct {
	fd int
	o  ListenOptions

	mu         sync.Mutex // held while connections are accepted
	poll       pollSlot   // slot 0: no shard watches
	shardIndex int        // of the shard that watches
	batch      int        // how many to accept before looking whether there are more
	accepted   int        // how many this shard has accepted
	timer      *time.Timer
	closed     bool

	woken atomic.Bool // Wake was called, and resume has not run since
}

// Listen accepts from a listening socket, which must be non-blocking, until Close. The descriptor
// stays with the caller, which closes it after that.
func Listen(fd int, o ListenOptions) (*Listening, error) {
	if err := Prepare(); err != nil {
		return nil, err
	}
	if o.Local == nil {
		o.Local = func() net.Addr { return nil }
	}
	l := &Listening{fd: fd, o: o, batch: 1}
	l.timer = time.AfterFunc(time.Hour, l.resume)
	l.timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shardIndex = int(engineShards.next.Add(1)) % len(*engineShards.shards.Load())
	if err := l.watch(); err != nil {
		return nil, err
	}
	return l, nil
}

// Close stops accepting. Once it has returned, no function of the options is called any more; these
// functions must not call it.
func (l *Listening) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.timer.Stop()
	l.unwatch()
}

// watch makes the current shard watch for connections. The caller holds the lock, as for all
// methods below.
func (l *Listening) watch() error {
	sh := (*engineShards.shards.Load())[l.shardIndex]
	l.poll = pollSlot{shard: sh, slot: sh.add(l)}
	// Level-triggered: after one connection, the shard's next call of epoll_wait says whether there is
	// another, so that no accept4 is in vain.
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: l.poll.slot}
	if err := epollControl(sh.fd, unix.EPOLL_CTL_ADD, l.fd, &event); err != nil {
		l.poll.release()
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (l *Listening) unwatch() {
	if l.poll.slot != 0 {
		l.poll.unwatch(l.fd)
	}
}

// handOver makes the next shard watch, after the events already queued there. With one shard it
// selects the same one again.
func (l *Listening) handOver() {
	l.unwatch()
	l.shardIndex = (l.shardIndex + 1) % len(*engineShards.shards.Load())
	l.accepted = 0
	l.rewatch()
}

// rewatch starts watching again, after a pause or for another share.
func (l *Listening) rewatch() {
	if err := l.watch(); err != nil && l.acceptFailed(err) {
		l.pause(watchRetryPause)
	}
}

// pause leaves connections in the kernel's queue for a while.
func (l *Listening) pause(d time.Duration) {
	l.unwatch()
	l.timer.Reset(d)
	if l.woken.Load() { // since the caller decided to pause
		l.timer.Reset(0)
	}
}

// Wake ends a pause, or the next one if none has begun. It may be called with any lock held.
func (l *Listening) Wake() {
	l.woken.Store(true)
	l.timer.Reset(0)
}

// resume ends a pause. It runs in a goroutine of the runtime's timers.
func (l *Listening) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.woken.Store(false)
	if !l.closed && l.poll.slot == 0 {
		l.rewatch()
	}
}

// acceptFailed calls Failed and reports whether to go on at once.
func (l *Listening) acceptFailed(err error) (goOn bool) {
	switch pause, lost := l.o.Failed(err); {
	case lost:
		l.closed = true
		l.unwatch()
		return false
	case pause > 0:
		l.pause(pause)
		return false
	default:
		return true
	}
}

// event accepts connections. A level-triggered descriptor must not stay ready when the shard goes
// to sleep: the runtime's poller reports the epoll set only when something is added to it, so that
// the connections would wait for an unrelated event. So after a shard's last round the descriptor
// is added anew.
func (l *Listening) event(sh *shard, _ Side, _ uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.poll.slot == 0 || l.poll.shard != sh {
		return
	}
	goesOn, rest := l.accept(sh)
	if !goesOn {
		return
	}
	all := len(*engineShards.shards.Load()) > 1 && l.accepted >= acceptShare
	if all || rest && sh.lastRound {
		l.handOver()
	}
}

// accept accepts a batch of connections; the batch doubles as long as there are more. It reports
// whether the socket is still watched, and whether it may have more.
func (l *Listening) accept(sh *shard) (goesOn, rest bool) {
	for n := range l.batch {
		if pause := l.o.Pause(); pause > 0 {
			l.pause(pause)
			return false, false
		}
		fd, remote, err := accept(l.fd)
		switch {
		case err == nil:
			l.accepted++
			l.o.Accepted(newAccepted(fd, remote, l.o.Local(), pollSlot{shard: sh}))
		case errors.Is(err, unix.EAGAIN):
			l.batch = max(1, n)
			return true, false
		default:
			if !l.acceptFailed(os.NewSyscallError("accept4", err)) {
				return false, false
			}
		}
	}
	l.batch = min(2*l.batch, maxAccepts)
	return true, true
}

// newAccepted returns an accepted connection, with one allocation.
func newAccepted(fd int, remote netip.AddrPort, local net.Addr, at pollSlot) *Socket {
	a := new(struct {
		Socket
		remote net.TCPAddr
		ip     [net.IPv6len]byte
	})
	a.remote.Port, a.remote.Zone = int(remote.Port()), remote.Addr().Zone()
	if remote.Addr().Is4() {
		v4 := remote.Addr().As4()
		a.remote.IP = a.ip[:copy(a.ip[:], v4[:]):net.IPv4len]
	} else {
		a.ip = remote.Addr().As16()
		a.remote.IP = a.ip[:]
	}
	s := &a.Socket
	s.fd, s.remote, s.local, s.poll = fd, &a.remote, local, at
	return s
}

// timerFired implements watcher. A Listening sets no timer of its shard.
func (l *Listening) timerFired() {}

// Interface guard
var _ watcher = (*Listening)(nil)

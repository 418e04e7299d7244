// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// bufferSize is what is read and written through a shard's buffer at a time. A
	// read that fills it is taken for the beginning of more.
	bufferSize = 16 << 10
	// maxRounds is how often a shard looks for more before others get their turn.
	maxRounds = 4
	// batch is how many events are taken from the kernel at a time.
	batch = 128
)

// engineShards is one shard for each of GOMAXPROCS, made when they are first needed.
var engineShards struct {
	mu     sync.Mutex
	shards atomic.Pointer[[]*shard]
	next   atomic.Uint32
}

// Prepare makes the engine, which else happens with its first use: then there
// may be no descriptor left for it.
func Prepare() error {
	_, err := nextShard()
	return err
}

// nextShard is the shard for another session.
func nextShard() (*shard, error) {
	shards := engineShards.shards.Load()
	if shards == nil {
		engineShards.mu.Lock()
		defer engineShards.mu.Unlock()
		if shards = engineShards.shards.Load(); shards == nil {
			all, err := newShards(min(runtime.GOMAXPROCS(0), maxShards))
			if err != nil {
				return nil, err
			}
			shards = &all
			engineShards.shards.Store(shards)
		}
	}
	all := *shards
	return all[engineShards.next.Add(1)%uint32(len(all))], nil
}

// maxShards is how many there may be, as an id has one byte in each session.
const maxShards = 1<<8 - 1

// shardByID are those of the process by their ids, which begin with 1.
var shardByID [maxShards + 1]atomic.Pointer[shard]

// shard holds sessions and moves their bytes.
type shard struct {
	id        uint8
	fd        int      // of the epoll set
	file      *os.File // the same, for the runtime's poller
	pipes     pipes
	events    [batch]unix.EpollEvent
	watchers  [batch]watcher
	buffer    [bufferSize]byte
	now       int64 // clock, when events were last taken
	lastSmall int64 // when a small message was last passed on
	lastRound bool  // what is ready now may be the last that is looked for
	notifier  endNotifier

	mu      sync.Mutex
	slots   []watcher
	free    []int32 // indices into slots
	wheel   wheel
	timer   *time.Timer
	armedAt int64 // the tick that timer is set to; 0: to none
}

// watcher is what a slot holds. Once in a while its methods are called for one that has
// just left.
type watcher interface {
	// event is called by the shard's goroutine when a descriptor of its is ready.
	event(sh *shard, of Side, ready uint32)
	// check is called, by another goroutine, at the time given to shard.set, or earlier.
	check()
}

// epoch is what the engine's times count from, by the monotonic clock.
var epoch = time.Now()

// clock is now, in ns since epoch. It is never zero.
func clock() int64 { return int64(time.Since(epoch)) | 1 }

func newShards(n int) (all []*shard, err error) {
	for range n {
		sh, err := newShard()
		if err != nil {
			for _, sh := range all {
				sh.close()
			}
			return nil, err
		}
		all = append(all, sh)
	}
	for _, sh := range all {
		go sh.run()
	}
	return all, nil
}

func newShard() (*shard, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// Only then the runtime waits for it in its own poller, and no thread is held.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	sh := &shard{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), slots: make([]watcher, 1)}
	sh.wheel.add() // slot 0 and timer 0 are none
	sh.notifier.shard = sh
	sh.wheel.now = tick(clock())
	sh.timer = time.AfterFunc(time.Hour, sh.expire)
	for id := range uint8(maxShards) {
		if shardByID[id+1].CompareAndSwap(nil, sh) {
			sh.id = id + 1
			return sh, nil
		}
	}
	_ = sh.file.Close()
	return nil, fmt.Errorf("more than %d shards", maxShards)
}

// close gives back what a shard has that does not run.
func (sh *shard) close() {
	_ = sh.file.Close()
	shardByID[sh.id].Store(nil)
}

// run serves the sessions as long as the process lives.
func (sh *shard) run() {
	raw, err := sh.file.SyscallConn()
	if err == nil {
		// Never true: after each round other goroutines get their turn, and the
		// runtime looks for what else has become ready, new clients above all.
		err = raw.Read(func(uintptr) bool { sh.poll(); return false })
	}
	panic(fmt.Sprintf("relay: waiting for events: %v", err))
}

// poll serves what is ready, and what becomes ready meanwhile, but not for ever.
func (sh *shard) poll() {
	// A full batch may leave behind what the runtime's poller has told of already.
	for round, n := 0, batch; n == batch || n > 0 && round < maxRounds; round++ {
		n = epollWait(sh.fd, sh.events[:])
		sh.lastRound = round >= maxRounds-1
		sh.mu.Lock()
		for i := range n {
			sh.watchers[i] = sh.slots[sh.events[i].Fd]
		}
		sh.mu.Unlock()
		sh.now = clock()
		for i := range n {
			if w := sh.watchers[i]; w != nil {
				e := &sh.events[i]
				w.event(sh, Side(e.Pad), e.Events)
				sh.watchers[i] = nil
			}
		}
	}
}

// add gives w a slot.
func (sh *shard) add(w watcher) int32 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if n := len(sh.free); n > 0 {
		slot := sh.free[n-1]
		sh.free = sh.free[:n-1]
		sh.slots[slot] = w
		return slot
	}
	sh.slots = append(sh.slots, w)
	sh.wheel.add()
	return int32(len(sh.slots) - 1)
}

// replace puts w into a slot that another has had, and stops its timer.
func (sh *shard) replace(slot int32, w watcher) {
	sh.mu.Lock()
	sh.slots[slot] = w
	sh.wheel.remove(slot)
	sh.mu.Unlock()
}

// EndAll ends every session of the process that the engine has, as End does.
func EndAll(reason string) {
	all := engineShards.shards.Load()
	if all == nil {
		return
	}
	var sessions []*Session
	for _, sh := range *all {
		sh.mu.Lock()
		for _, w := range sh.slots {
			if s, ok := w.(interface{ self() *Session }); ok {
				sessions = append(sessions, s.self())
			}
		}
		sh.mu.Unlock()
	}
	for _, s := range sessions {
		s.End(reason)
	}
}

// put puts w into a slot, and lets its timer run.
func (sh *shard) put(slot int32, w watcher) {
	sh.mu.Lock()
	sh.slots[slot] = w
	sh.mu.Unlock()
}

// at returns what is in a slot.
func (sh *shard) at(slot int32) watcher {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.slots[slot]
}

// release frees a slot and stops its timer.
func (sh *shard) release(slot int32) {
	sh.mu.Lock()
	sh.slots[slot] = nil
	sh.free = append(sh.free, slot)
	sh.wheel.remove(slot)
	sh.mu.Unlock()
}

const (
	// EPOLLPRI: a read stops before urgent data, so that a short one is not the last.
	pollIn  = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET
	pollOut = unix.EPOLLOUT
)

// pollSlot is where a descriptor is watched.
type pollSlot struct {
	shard      *shard
	slot       int32 // 0: it is not watched
	watchedOut bool  // it is watched for room, too
}

// watch has events of fd go to the slot. Each is told of once (EPOLLET).
func (p *pollSlot) watch(fd int, of Side) error { return p.control(unix.EPOLL_CTL_ADD, fd, of) }

// rearm has what fd is ready for told of once more, behind what is ready now.
func (p *pollSlot) rearm(fd int, of Side) error { return p.control(unix.EPOLL_CTL_MOD, fd, of) }

func (p *pollSlot) control(op, fd int, of Side) error {
	event := unix.EpollEvent{Events: pollIn, Fd: p.slot, Pad: int32(of)}
	if p.watchedOut {
		event.Events |= pollOut
	}
	return os.NewSyscallError("epoll_ctl", epollControl(p.shard.fd, op, fd, &event))
}

// unwatch has fd be watched no more.
func (p *pollSlot) unwatch(fd int) {
	_ = epollControl(p.shard.fd, unix.EPOLL_CTL_DEL, fd, nil)
	p.release()
}

// release gives back the slot.
func (p *pollSlot) release() {
	if p.slot != 0 {
		p.shard.release(p.slot)
		p.slot = 0
	}
}

// setTimer arranges that what a slot holds is checked when a time is over, unless that is to
// happen sooner already.
func (sh *shard) setTimer(slot int32, due int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	at := sh.wheel.set(slot, tick(due)+1)
	if at != 0 && (sh.armedAt == 0 || at < sh.armedAt) {
		sh.arm(at)
	}
}

func (sh *shard) arm(at int64) {
	sh.armedAt = at
	sh.timer.Reset(time.Duration(at<<tickBits - clock()))
}

// expire checks those whose time may be over. It runs in a goroutine of the runtime's
// timers.
func (sh *shard) expire() {
	sh.mu.Lock()
	fired := sh.wheel.advance(tick(clock()))
	due := make([]watcher, 0, len(fired))
	for _, slot := range fired {
		due = append(due, sh.slots[slot])
	}
	if sh.armedAt = 0; !sh.wheel.empty() {
		sh.arm(sh.wheel.next())
	}
	sh.mu.Unlock()
	for _, w := range due {
		w.check()
	}
}

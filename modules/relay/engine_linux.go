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
	// bufferSize is the size of a shard's buffer, and so of one read and write. A read that fills it
	// is taken for the beginning of a bulk transfer.
	bufferSize = 16 << 10
	// maxRounds bounds the calls for more events before other goroutines get their turn.
	maxRounds = 4
	// batch is the number of events that one call takes from the kernel.
	batch = 128
)

// engineShards holds the engine's shards, one for each of GOMAXPROCS, made on first use.
var engineShards struct {
	mu     sync.Mutex
	shards atomic.Pointer[[]*shard]
	next   atomic.Uint32
}

// Prepare makes the engine. Without it the first use does, when no descriptor may be left.
func Prepare() error {
	_, err := nextShard()
	return err
}

// nextShard returns the shard for another session.
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

// maxShards is the most there may be: in each session, a shard's id is one byte.
const maxShards = 1<<8 - 1

// shardByID holds the process's shards by their ids, which begin with 1.
var shardByID [maxShards + 1]atomic.Pointer[shard]

// shard holds sessions and moves their bytes. The lock of a session, a Socket or a Listening is
// taken before mu, never while mu is held: their methods set timers and release slots.
type shard struct {
	id        uint8
	fd        int      // of the epoll set
	file      *os.File // the same descriptor, for the runtime's poller
	pipes     pipes
	events    [batch]unix.EpollEvent
	watchers  [batch]watcher
	buffer    [bufferSize]byte
	now       int64 // the clock when events were last taken
	lastSmall int64 // when a small message was last passed on
	lastRound bool  // poll may not ask for more events after these
	notifier  endNotifier
	spliced   atomic.Uint64 // bytes that have passed pipes
	moved     stripe
	unadded   [2]int64      // bytes that moved lacks
	rounds    atomic.Uint64 // calls for events
	taken     atomic.Uint64 // events

	mu      sync.Mutex
	slots   []watcher
	free    []int32 // indices into slots
	wheel   wheel
	timer   *time.Timer
	armedAt int64 // the tick that timer is set to; 0: not set
}

// watcher is the content of a slot. Its methods are sometimes called just after it has left the
// slot.
type watcher interface {
	// event is called by the shard's goroutine when a descriptor of the watcher is ready.
	event(sh *shard, of Side, ready uint32)
	// timerFired is called by another goroutine at the time given to shard.setTimer, or earlier.
	timerFired()
}

// epoch is when the engine's clock starts, in monotonic time.
var epoch = time.Now()

// clock returns the time in ns since epoch. It is never zero.
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
	// Only for a non-blocking descriptor does the runtime wait in its own poller, without a thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	sh := &shard{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), slots: make([]watcher, 1)}
	sh.wheel.add() // slot 0 and timer 0 stand for "none"
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

// close releases what a shard holds that does not run.
func (sh *shard) close() {
	_ = sh.file.Close()
	shardByID[sh.id].Store(nil)
}

// run serves the sessions as long as the process lives.
func (sh *shard) run() {
	raw, err := sh.file.SyscallConn()
	if err == nil {
		// Always false: after each round other goroutines get their turn, and the runtime checks what
		// else has become ready, new clients above all.
		err = raw.Read(func(uintptr) bool { sh.poll(); return false })
	}
	panic(fmt.Sprintf("relay: waiting for events: %v", err))
}

// poll serves descriptors that are ready, and those that become ready meanwhile, for maxRounds at
// most.
func (sh *shard) poll() {
	// A full batch may leave events behind that the runtime's poller has already reported.
	for round, n := 0, batch; n == batch || n > 0 && round < maxRounds; round++ {
		n = epollWait(sh.fd, sh.events[:])
		sh.rounds.Add(1)
		sh.taken.Add(uint64(n))
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
		sh.addMoved()
	}
}

// EndAll ends every session that the engine has in this process, as End does.
func EndAll(reason string) {
	for s := range Sessions() {
		s.End(reason)
	}
}

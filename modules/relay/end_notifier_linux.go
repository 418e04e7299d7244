// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"sync"
)

// endNotifier tells the owners of a shard's sessions how these ended, one after the other, in
// a goroutine of its own: where the log goes may be slow, and the shard must not wait for
// it. As long as one owner takes its time, each of the others gets a goroutine, so that
// none waits for it either: an owner gives back what others wait for.
type endNotifier struct {
	shard *shard

	mu      sync.Mutex
	more    sync.Cond   // something is in the queue, or it is stopped
	queue   []endNotice // from next on
	next    int
	started bool // the goroutine exists
	idle    bool // it waits for more
	stopped bool // it ends when it would wait for more

	calls        uint64 // of Ended by the goroutine, begun
	calling      bool   // the last of them has not returned
	stuck        bool   // for longer than patient: others do not wait
	slot         int32  // for the timer; 0: none yet
	checkAt      int64  // when to look whether it is stuck; 0: not at all
	callsAtWatch uint64 // what calls was when that was decided
}

// endNotice is how a session ended, and who is to be told.
type endNotice struct {
	owner  Owner
	result Result
}

const (
	// stuckAfter is how long sessions wait for the end of another to be told.
	stuckAfter = 6 << tickBits
	// keptNotices is for how many of them there is room in a queue that is empty.
	keptNotices = 1024
)

func (e endNotice) notify() { e.owner.Ended(e.result) }

// add returns at once.
func (e *endNotifier) add(end endNotice) {
	e.mu.Lock()
	if e.stuck {
		e.mu.Unlock()
		go end.notify()
		return
	}
	e.queue = append(e.queue, end)
	switch {
	case !e.started:
		e.started, e.more.L = true, &e.mu
		go e.run()
	case e.idle:
		e.idle = false
		e.more.Signal()
	case e.checkAt == 0: // it waits behind others
		e.watch()
	}
	e.mu.Unlock()
}

// run calls Ended, as long as the process lives.
func (e *endNotifier) run() {
	for {
		end, ok := e.take()
		if !ok {
			return
		}
		end.notify()
	}
}

// take returns the next ending, or waits for it.
func (e *endNotifier) take() (end endNotice, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calling, e.stuck = false, false
	for e.next == len(e.queue) {
		if e.clear(); e.stopped {
			return end, false
		}
		e.idle = true
		e.more.Wait()
	}
	end, e.queue[e.next] = e.queue[e.next], endNotice{}
	e.next++
	if e.next >= keptNotices && e.next > len(e.queue)/2 { // it may never be empty
		n := copy(e.queue, e.queue[e.next:])
		clear(e.queue[n:])
		e.queue, e.next = e.queue[:n], 0
	}
	e.calls++
	e.calling = true
	return end, true
}

// clear makes room in a queue of which all has been taken. The caller holds the lock.
func (e *endNotifier) clear() {
	if e.queue, e.next = e.queue[:0], 0; cap(e.queue) > keptNotices {
		e.queue = nil
	}
}

// watch sets the timer to look whether the call of this moment takes long. The caller
// holds the lock.
func (e *endNotifier) watch() {
	if e.slot == 0 {
		e.slot = e.shard.add(e)
	}
	e.checkAt, e.callsAtWatch = clock()+stuckAfter, e.calls
	e.shard.setTimer(e.slot, e.checkAt)
}

// check looks whether one call holds up the others.
func (e *endNotifier) check() {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.next == len(e.queue):
		e.checkAt = 0
	case clock() < e.checkAt:
		e.shard.setTimer(e.slot, e.checkAt)
	case !e.calling || e.calls != e.callsAtWatch:
		e.watch()
	default:
		e.checkAt, e.stuck = 0, true
		for _, end := range e.queue[e.next:] {
			go end.notify()
		}
		clear(e.queue)
		e.clear()
	}
}

// event is never called: endings have no descriptor.
func (e *endNotifier) event(*shard, Side, uint32) {}

// stop lets the goroutine end once all is told.
func (e *endNotifier) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	e.more.Signal()
}

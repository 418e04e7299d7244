// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"sync"
)

// endNotifier calls Owner.Ended for a shard's sessions, one after the other, in a goroutine of its
// own: an owner may write to a slow log, and the shard must not wait for that. While one call takes
// long, each of the others gets its own goroutine, so that none waits behind it: owners release
// what others wait for.
type endNotifier struct {
	shard *shard

	mu      sync.Mutex
	more    sync.Cond   // the queue is no longer empty, or stopped is set
	queue   []endNotice // from next on
	next    int
	started bool // the goroutine exists
	idle    bool // the goroutine waits for more
	stopped bool // the goroutine ends once the queue is empty

	calls        uint64 // of Ended by the goroutine, begun
	calling      bool   // the last of them has not returned
	stuck        bool   // for longer than stuckAfter: others do not wait
	slot         int32  // for the timer; 0: no slot yet
	checkAt      int64  // when to check whether it is stuck; 0: never
	callsAtWatch uint64 // calls when checkAt was set
}

// endNotice is an owner to notify and the result of its session.
type endNotice struct {
	owner  Owner
	result Result
}

const (
	// stuckAfter is the longest that sessions wait behind one call of Ended.
	stuckAfter = 6 << tickBits
	// keptNotices is the capacity that an empty queue keeps.
	keptNotices = 1024
)

func (e endNotice) notify() { e.owner.Ended(e.result) }

// add queues a notice. It does not wait.
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

// run calls Ended as long as the process lives.
func (e *endNotifier) run() {
	for {
		end, ok := e.take()
		if !ok {
			return
		}
		end.notify()
	}
}

// take waits for the next notice and returns it.
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

// clear empties a queue whose notices have all been taken. The caller holds the lock.
func (e *endNotifier) clear() {
	if e.queue, e.next = e.queue[:0], 0; cap(e.queue) > keptNotices {
		e.queue = nil
	}
}

// watch sets the timer that checks whether the current call takes long. The caller holds the lock.
func (e *endNotifier) watch() {
	if e.slot == 0 {
		e.slot = e.shard.add(e)
	}
	e.checkAt, e.callsAtWatch = clock()+stuckAfter, e.calls
	e.shard.setTimer(e.slot, e.checkAt)
}

// timerFired starts a goroutine for each queued notice if one call holds up the others.
func (e *endNotifier) timerFired() {
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

// event ignores all events: a notifier has no descriptor.
func (e *endNotifier) event(*shard, Side, uint32) {}

// stop ends the goroutine once all owners have been notified.
func (e *endNotifier) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	e.more.Signal()
}

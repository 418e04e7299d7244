// SPDX-License-Identifier: Apache-2.0

package relay

import "time"

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

// replace puts w into a slot that another watcher had, and stops its timer.
func (sh *shard) replace(slot int32, w watcher) {
	sh.mu.Lock()
	sh.slots[slot] = w
	sh.wheel.remove(slot)
	sh.mu.Unlock()
}

// put puts w into a slot and keeps its timer.
func (sh *shard) put(slot int32, w watcher) {
	sh.mu.Lock()
	sh.slots[slot] = w
	sh.mu.Unlock()
}

// at returns the watcher in a slot.
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

// setTimer arranges a call of check for a slot at due, unless its timer is set to an earlier time.
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

// expire calls timerFired of slots whose timers have fired. It runs in a goroutine of the runtime's
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
		w.timerFired()
	}
}

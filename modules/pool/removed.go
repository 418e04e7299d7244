// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// SetRemovedTimeout limits how long sessions may continue on servers that no configuration has any
// longer, or at addresses that a server has left by Resolve; zero or less: no limit. It also
// applies to servers that were removed earlier.
func (r *Registry) SetRemovedTimeout(d time.Duration) {
	r.mu.Lock()
	r.removed.Store(int64(d))
	backends := make([]*backend, 0, len(r.backends))
	for _, b := range r.backends {
		backends = append(backends, b)
	}
	r.mu.Unlock()
	for _, b := range backends {
		b.mu.Lock()
		b.scheduleEvictions()
		b.unlock()
	}
}

// removal is the time at which a server was removed, and the timer that evicts its sessions.
type removal struct {
	at    time.Time
	timer *time.Timer
}

// stop cancels the eviction.
func (r *removal) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// removed reports whether the server of a state has left the configuration.
func (b *backend) removed(s *state) bool {
	return len(b.running) == 0 || b.current(s) == nil
}

// scheduleEvictions sets the timers that evict the sessions of removed servers, and cancels those
// of servers that are back.
func (b *backend) scheduleEvictions() {
	timeout := time.Duration(b.registry.removed.Load())
	for _, s := range b.states {
		s.removal.stop()
		b.scheduleDepartures(s, timeout)
		switch {
		case !b.removed(s):
			s.removal.at = time.Time{}
			continue
		case s.removal.at.IsZero():
			s.removal.at = time.Now()
		}
		if timeout > 0 {
			s.removal.timer = time.AfterFunc(time.Until(s.removal.at.Add(timeout)), func() {
				b.mu.Lock()
				defer b.unlock()
				if b.removed(s) {
					b.evict(s, EvictServerRemoved)
				}
			})
		}
	}
}

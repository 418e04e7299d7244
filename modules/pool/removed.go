// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// SetRemovedTimeout says for how long sessions of servers that no configuration has
// any more may go on; zero or less: as long as they want. It is for those that were
// removed before, too.
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

// removal is when a server was removed, and what ends its sessions.
type removal struct {
	at    time.Time
	timer *time.Timer
}

// stop has the sessions go on.
func (r *removal) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// removed reports whether a state is that of a server that is not in the
// configuration.
func (b *backend) removed(s *state) bool {
	return len(b.running) == 0 || b.current(s) == nil
}

// scheduleEvictions sees to it that the sessions of servers that are removed end in time.
func (b *backend) scheduleEvictions() {
	timeout := time.Duration(b.registry.removed.Load())
	for _, s := range b.states {
		s.removal.stop()
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

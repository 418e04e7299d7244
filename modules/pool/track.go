// SPDX-License-Identifier: Apache-2.0

package pool

import "slices"

// registerTrackers registers the servers of a backend that track others, and replaces those of the
// previous configuration.
func (r *Registry) registerTrackers(backend string, servers []*Server) {
	r.trackMu.Lock()
	defer r.trackMu.Unlock()
	for tracked, by := range r.trackers {
		by = slices.DeleteFunc(by, func(t Ref) bool { return t.Backend == backend })
		if r.trackers[tracked] = by; len(by) == 0 {
			delete(r.trackers, tracked)
		}
	}
	for _, s := range servers {
		if s.Track == (Ref{}) {
			continue
		}
		if r.trackers == nil {
			r.trackers = make(map[Ref][]Ref)
		}
		r.trackers[s.Track] = append(r.trackers[s.Track], Ref{backend, s.Name})
	}
}

// propagate passes a server's condition on to the servers that track it.
func (r *Registry) propagate(tracked Ref) {
	r.trackMu.Lock()
	trackers := slices.Clone(r.trackers[tracked])
	r.trackMu.Unlock()
	for _, t := range trackers {
		r.inherit(t, tracked)
	}
}

// inherit applies the condition of the tracked server to the tracker.
func (r *Registry) inherit(tracker, tracked Ref) {
	var in inherited
	if b := r.find(tracked.Backend); b != nil {
		if s := b.states[tracked.Server]; s != nil && s.known {
			in.down, in.admin = s.now.down, s.now.admin
		}
		in.version = r.versions.Add(1) // under the lock, so that a later one is newer
		b.unlock()
	}
	b := r.find(tracker.Backend)
	if b == nil {
		return
	}
	defer b.unlock()
	state := b.states[tracker.Server]
	if state == nil {
		return
	}
	s := b.current(state)
	if s == nil || s.Track != tracked || in.version <= state.health.inherited.version {
		return
	}
	b.update(s, func() cause {
		state.health.inherited = in
		return cause{Result: Result{Code: CodeTracked}, via: tracked}
	})
}

// SPDX-License-Identifier: Apache-2.0

package syslog

import "sync"

// Stats counts messages.
type Stats struct {
	Sent, Dropped, Cut uint64
}

func (s *Stats) add(o Stats) {
	s.Sent += o.Sent
	s.Dropped += o.Dropped
	s.Cut += o.Cut
}

// targets are the targets of the process with a name.
var targets struct {
	mu     sync.Mutex
	open   map[*Target]bool
	closed map[string]Stats // by name: of those that were closed
}

// register adds a target to AllStats, if it has a name.
func (t *Target) register() {
	if t.o.Name == "" {
		return
	}
	targets.mu.Lock()
	defer targets.mu.Unlock()
	if targets.open == nil {
		targets.open, targets.closed = make(map[*Target]bool), make(map[string]Stats)
	}
	targets.open[t] = true
}

// unregister keeps the numbers of a target that is closed.
func (t *Target) unregister() {
	targets.mu.Lock()
	defer targets.mu.Unlock()
	if targets.open[t] {
		delete(targets.open, t)
		all := targets.closed[t.o.Name]
		all.add(t.Stats())
		targets.closed[t.o.Name] = all
	}
}

// AllStats returns the numbers of targets by their names, including those that targets of the name
// had which are closed by now, unless none is open.
func AllStats() map[string]Stats {
	targets.mu.Lock()
	defer targets.mu.Unlock()
	all := make(map[string]Stats)
	for t := range targets.open {
		s, seen := all[t.o.Name]
		if !seen {
			s = targets.closed[t.o.Name]
		}
		s.add(t.Stats())
		all[t.o.Name] = s
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package frontend

// ClearCounters begins the highest numbers of all frontends, their listeners and the process anew,
// or with all every number since the process began. The numbers of open connections stay.
func ClearCounters(all bool) {
	liveConns.highest.Store(0)
	for _, counts := range []*connCounts{&frontendConns, &backendConns} {
		for _, c := range counts.all() {
			c.highest.Store(0)
			c.maxRate.Store(0)
		}
	}
	for _, e := range frontendEnds.all() {
		e.clear(all)
	}
	if !all {
		return
	}
	for _, l := range listenerCounts.all() {
		l.accepted.Reset()
	}
	for _, a := range activeFrontends.all() {
		if f := a.current(); f != nil {
			f.choices.reset()
		}
	}
}

// clear begins the highest numbers anew, or all.
func (e *endCounts) clear(all bool) {
	e.maxRate.Store(0)
	e.maxConnRate.Store(0)
	if !all {
		return
	}
	e.accepted.Store(0)
	e.sessions.Store(0)
	for end := range e.by {
		e.by[end].Store(0)
	}
	e.tally.Reset()
}

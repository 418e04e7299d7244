// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Listener counts the connections of one address of a frontend. Its counts continue over reloads.
type Listener struct {
	accepted, open atomic.Int64
	sockets        atomic.Int64 // of configurations that have it open
	number         atomic.Int64
	frontend, name string
}

// listenerCounts holds the listeners by the names of their frontend and their own.
var listenerCounts = weakRegistry[Listener]{keep: keptFrontends}

// OpenListener returns the counts of a listener that has been opened: the one with that number
// among those of a frontend, from 1. It must be closed as often as it was opened.
func OpenListener(frontend, name string, number int) *Listener {
	l := listenerCounts.getOrInit(frontend+" "+name, func(l *Listener) { l.frontend, l.name = frontend, name })
	l.number.Store(int64(number))
	l.sockets.Add(1)
	return l
}

// Close notes that a configuration has closed the listener. l may be nil.
func (l *Listener) Close() {
	if l != nil {
		l.sockets.Add(-1)
	}
}

// ListenerMetrics are the numbers of a listener.
type ListenerMetrics struct {
	Frontend, Name string
	// Number is its position among the listeners of its frontend, from 1.
	Number int
	// Open reports whether it is open, Connections is the number of its connections, and Accepted
	// that of those so far.
	Open                  bool
	Connections, Accepted int64
}

// AllListeners returns the numbers of all listeners that are open or have connections, sorted by
// frontend and number.
func AllListeners() (all []ListenerMetrics) {
	for _, l := range listenerCounts.all() {
		m := ListenerMetrics{
			Frontend: l.frontend, Name: l.name, Number: int(l.number.Load()),
			Open: l.sockets.Load() > 0, Connections: l.open.Load(), Accepted: l.accepted.Load(),
		}
		if m.Open || m.Connections > 0 {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b ListenerMetrics) int {
		return cmp.Or(cmp.Compare(a.Frontend, b.Frontend), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Name, b.Name))
	})
	return all
}

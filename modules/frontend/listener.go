// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
)

// Listener counts the connections of one address of a frontend. Its counts continue over reloads.
type Listener struct {
	accepted frequency.Meter
	open     atomic.Int64
	sockets  atomic.Int64                 // of configurations that have it open
	info     atomic.Pointer[ListenerInfo] // of the last configuration
}

// listenerCounts holds the listeners by the names of their frontend and their own.
var listenerCounts = weakRegistry[Listener]{keep: keptFrontends}

// ListenerInfo describes a listener.
type ListenerInfo struct {
	Frontend, Name string
	// Address is the address, Unnamed reports that the name is the address, too.
	Address string
	Unnamed bool
	// Number is its position among the listeners of its frontend, from 1.
	Number int
	// MaxConn is its limit of connections; 0: it has none of its own.
	MaxConn int
}

// OpenListener returns the counts of a listener that has been opened. It must be closed as often as
// it was opened.
func OpenListener(i ListenerInfo) *Listener {
	l := listenerCounts.getOrCreate(i.Frontend + " " + i.Name)
	l.info.Store(&i)
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
	ListenerInfo
	// Open reports whether it is open, Connections is the number of its connections, and Accepted
	// that of those so far.
	Open                  bool
	Connections, Accepted int64
	// Rate is about the number of connections accepted in the last second.
	Rate int
}

// AllListeners returns the numbers of all listeners that are open or have connections, sorted by
// frontend and number.
func AllListeners() (all []ListenerMetrics) {
	now := time.Now()
	for _, l := range listenerCounts.all() {
		m := ListenerMetrics{Open: l.sockets.Load() > 0, Connections: l.open.Load(), Accepted: l.accepted.Total(), Rate: l.accepted.PerSecond(now)}
		if info := l.info.Load(); info != nil {
			m.ListenerInfo = *info
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

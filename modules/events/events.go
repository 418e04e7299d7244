// SPDX-License-Identifier: Apache-2.0

// Package events remembers the last state changes of the process, numbered, so that operators can
// look back and follow them. It keeps a bounded number of events, and nothing waits for a reader: a
// reader that is too slow misses events and sees that by their numbers.
package events

import (
	"context"
	"iter"
	"sync"
	"time"
)

// keep is the number of events that a log remembers.
const keep = 1000

// Kind is the kind of an event, for programs.
type Kind string

// The kinds of events.
const (
	ServerDown    Kind = "server_down"
	ServerUp      Kind = "server_up"
	MaintStarted  Kind = "maint_started"
	MaintEnded    Kind = "maint_ended"
	DrainStarted  Kind = "drain_started"
	DrainEnded    Kind = "drain_ended"
	BackendDown   Kind = "backend_down" // it has no usable server
	BackendUp     Kind = "backend_up"   // it has one again
	NameChanged   Kind = "name_changed" // a host name has other addresses, or resolves again
	NameFailed    Kind = "name_failed"  // a host name is not found
	FrontendOpen  Kind = "frontend_opened"
	FrontendClose Kind = "frontend_closed"
	ConfigLoaded  Kind = "config_loaded"
	Changed       Kind = "changed" // at run time
	SessionsEnded Kind = "sessions_ended"
	Stopping      Kind = "stopping" // the process
)

// Event is a change of state.
type Event struct {
	// Number counts the events of the process, from 1.
	Number uint64    `json:"number"`
	At     time.Time `json:"at"`
	Kind   Kind      `json:"kind"`
	// Text describes the event: that of a server in the words of HAProxy's log.
	Text string `json:"text"`

	Frontend string `json:"frontend,omitempty"`
	Backend  string `json:"backend,omitempty"`
	Server   string `json:"server,omitempty"`
	// By is the origin of a change at run time.
	By string `json:"by,omitempty"`
}

// Log holds the last events. The zero value is ready for use, which is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	ring    []Event // the event with number n is at (n-1) % keep
	last    uint64
	changed chan struct{} // closed by the next Add; nil: nothing waits for one
}

// Process holds the events of the process.
var Process Log

// Add numbers and remembers an event. It does not block.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Number, e.At = l.last, time.Now()
	if len(l.ring) < keep {
		l.ring = append(l.ring, e)
	} else {
		l.ring[(e.Number-1)%keep] = e
	}
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Last returns the number of the last event, 0 before the first.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// After returns the events that follow the one with a number, the oldest first: no more than limit
// (0: all), the newest of them.
func (l *Log) After(number uint64, limit int) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.after(number, limit)
}

func (l *Log) after(number uint64, limit int) []Event {
	n := l.last - min(number, l.last)
	n = min(n, uint64(len(l.ring)))
	if limit > 0 {
		n = min(n, uint64(limit))
	}
	list := make([]Event, 0, n)
	for at := l.last - n; at < l.last; at++ {
		list = append(list, l.ring[at%keep])
	}
	return list
}

// Follow returns the events that follow the one with a number, and then further ones as they
// happen, until ctx is done.
func (l *Log) Follow(ctx context.Context, number uint64) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for ctx.Err() == nil {
			list, changed := l.next(number)
			for _, e := range list {
				if number = e.Number; !yield(e) {
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// next returns the events that follow the one with a number, and a channel that is closed when
// there are more.
func (l *Log) next(number uint64) ([]Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.after(number, 0), l.changed
}

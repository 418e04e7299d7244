// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

const (
	// every is the time between two states of a view that is watched.
	every = time.Second
	// maxStreams is the number of readers that a page serves at a time.
	maxStreams = 100
	// behind is the number of events that a reader may be late.
	behind = 8
)

// event is an event of a stream.
type event struct {
	id   uint64
	name string
	data []byte
}

// feeds computes the views that are watched, each once for all of its readers, and none without
// readers.
type feeds struct {
	build func(statusview.Query) (*statusview.View, error)
	// until returns a function that reports whether streams which begin now should end.
	until func() (ended func() bool)

	mu      sync.Mutex
	readers int
	of      map[statusview.Query]*feed
}

// feed is a view with its readers.
type feed struct {
	query statusview.Query

	mu      sync.Mutex
	view    *statusview.View // nil before it is computed
	id      uint64
	readers map[*reader]struct{}
	stop    chan struct{}
}

// reader is a stream. Events is closed when the stream ends.
type reader struct {
	events chan event
	late   bool // it has missed an event, or has not got a full state yet
}

// join adds a reader of a view, unless there are too many.
func (f *feeds) join(q statusview.Query) (*feed, *reader, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers >= maxStreams {
		return nil, nil, false
	}
	f.readers++
	r := &reader{events: make(chan event, behind), late: true}
	one := f.of[q]
	if one == nil {
		one = &feed{query: q, readers: make(map[*reader]struct{}), stop: make(chan struct{})}
		if f.of == nil {
			f.of = make(map[statusview.Query]*feed)
		}
		f.of[q] = one
		go f.run(one)
	}
	one.add(r)
	return one, r, true
}

// leave removes a reader. A feed without readers stops.
func (f *feeds) leave(one *feed, r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers--
	if one.remove(r) == 0 && f.of[one.query] == one {
		delete(f.of, one.query)
		close(one.stop)
	}
}

// run computes the view each second until the last reader leaves or the streams end.
func (f *feeds) run(one *feed) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ended := f.until(); ; {
		view, err := f.build(one.query)
		switch {
		case ended():
			f.end(one)
			return
		case err != nil || !one.publish(view):
			one.reload()
		}
		select {
		case <-tick.C:
		case <-one.stop:
			return
		}
	}
}

// add adds a reader, and gives it the state if it is known.
func (one *feed) add(r *reader) {
	one.mu.Lock()
	defer one.mu.Unlock()
	one.readers[r] = struct{}{}
	if one.view != nil {
		one.id++
		r.send(event{one.id, "full", encode(statusview.Full(one.view))})
	}
}

func (one *feed) remove(r *reader) (left int) {
	one.mu.Lock()
	defer one.mu.Unlock()
	delete(one.readers, r)
	return len(one.readers)
}

// publish sends a new state to the readers: the changes, or all of it to those that are late. It
// returns false if the view has another shape.
func (one *feed) publish(view *statusview.View) bool {
	one.mu.Lock()
	defer one.mu.Unlock()
	before := one.view
	if before == nil {
		before = view
	}
	changes, same := statusview.Changes(before, view)
	one.view = view
	if !same {
		return false
	}
	one.id++
	update := event{id: one.id, name: "update"}
	if !changes.Empty() {
		update.data = encode(changes)
	}
	full := event{id: one.id, name: "full"}
	for r := range one.readers {
		switch {
		case r.late:
			if full.data == nil {
				full.data = encode(statusview.Full(view))
			}
			r.send(full)
		case update.data != nil:
			r.send(update)
		}
	}
	return true
}

// reload asks the readers to load the page anew.
func (one *feed) reload() {
	one.mu.Lock()
	defer one.mu.Unlock()
	one.id++
	for r := range one.readers {
		r.send(event{one.id, "reload", []byte("{}")})
	}
}

// end ends the streams of a view.
func (f *feeds) end(one *feed) {
	f.mu.Lock()
	if f.of[one.query] == one {
		delete(f.of, one.query)
	}
	f.mu.Unlock()
	one.mu.Lock()
	defer one.mu.Unlock()
	for r := range one.readers {
		close(r.events)
	}
	clear(one.readers)
}

// send sends an event without waiting. A reader whose channel is full is late.
func (r *reader) send(e event) {
	select {
	case r.events <- e:
		r.late = false
	default:
		r.late = true
	}
}

func encode(u *statusview.Update) []byte {
	data, err := json.Marshal(u)
	if err != nil { // text, numbers and times: it cannot be
		return fmt.Appendf(nil, "{%q: %q}", "error", err)
	}
	return data
}

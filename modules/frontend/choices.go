// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
)

// maxChoices bounds the choices that a frontend counts one by one. All connections of later routes
// are counted together.
const maxChoices = 1024

// choiceCounts counts the connections of a frontend by the route and the backend that they took. A
// new configuration continues the counts of its routes that have the same text.
type choiceCounts struct {
	meters map[string]*frequency.Meter
	others frequency.Meter
	before *choiceCounts  // of the configuration before, while meters are made
	seen   map[string]int // the routes so far by their text, while meters are made
}

// countChoices sets up the counts of the routes.
func (f *Frontend) countChoices() {
	f.choices = &choiceCounts{meters: make(map[string]*frequency.Meter), seen: make(map[string]int)}
	if running := f.active.latest.Load(); running != nil {
		f.choices.before = running.choices
	}
	for why := range f.outcomes {
		f.outcomes[why] = f.choices.meter("on " + Reason(why).String())
	}
	if f.Router != nil {
		f.Router.countBy(f.choices)
	}
	f.choices.before, f.choices.seen = nil, nil
}

// meter returns what counts the connections of a choice.
func (w *choiceCounts) meter(key string) *frequency.Meter {
	if m := w.meters[key]; m != nil {
		return m
	}
	if len(w.meters) >= maxChoices {
		return &w.others
	}
	m := new(frequency.Meter)
	if w.before != nil && w.before.meters[key] != nil {
		m = w.before.meters[key]
	}
	w.meters[key] = m
	return m
}

// reset begins the counts anew.
func (w *choiceCounts) reset() {
	w.others.Reset()
	for _, m := range w.meters {
		m.Reset()
	}
}

// countBy gives the routes their counts.
func (r *Router) countBy(w *choiceCounts) {
	r.defaults = w.meter("default")
	for i, route := range r.routes {
		route.Target.countBy(w, w.key(r, i))
	}
}

// key returns the text of a route, with a number if an earlier one has the same.
func (w *choiceCounts) key(r *Router, i int) string {
	if len(w.meters) >= maxChoices {
		return ""
	}
	s := r.step(i)
	text := fmt.Sprintf("%s %s %s", s.List, s.Rule, s.Condition)
	w.seen[text]++
	return fmt.Sprintf("%s %d", text, w.seen[text])
}

// countBy gives the backends of the target their counts.
func (t *Target) countBy(w *choiceCounts, key string) {
	switch {
	case t.template != "" || t.format != nil:
		t.named, t.rest = make(map[*balancer.Backend]*frequency.Meter), &w.others
		for _, name := range slices.Sorted(maps.Keys(t.app.Backends)) {
			t.named[t.app.Backends[name]] = w.meter(key + " " + name)
		}
	case t.refuses:
		t.meters = []*frequency.Meter{w.meter(key)}
	default:
		for _, b := range t.backends {
			t.meters = append(t.meters, w.meter(key+" "+b.Name()))
		}
	}
}

// meterOf returns what counts the connections to the backend at an index.
func (t *Target) meterOf(place int) *frequency.Meter {
	if place >= len(t.meters) {
		return nil
	}
	return t.meters[place]
}

// namedBackend returns a backend, which may be nil, and what counts its connections.
func (t *Target) namedBackend(name string) (*balancer.Backend, *frequency.Meter) {
	b := t.app.Backends[name]
	if m := t.named[b]; m != nil {
		return b, m
	}
	return b, t.rest
}

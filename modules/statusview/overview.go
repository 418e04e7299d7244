// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// newestEvents is the number of events that the overview shows.
const newestEvents = 10

// overview shows the numbers of the process and what happened last.
func overview(_ Query, o *Options, now time.Time) ([]Panel, error) {
	return []Panel{
		{ID: "now", Title: "Now", Facts: processFacts(control.ProcessNow(), now)},
		{ID: "events", Title: "Newest events", Messages: eventMessages(control.Events(0, 0), o)},
	}, nil
}

func processFacts(p control.Process, now time.Time) []Fact {
	return []Fact{
		{"connections", "Connections", Number(p.Connections)},
		{"rate", "New sessions", rate(p.SessionRate)},
		{"total", "Connections so far", Number(p.Total)},
		{"in", "From clients", Bytes(p.In)},
		{"out", "To clients", Bytes(p.Out)},
		{"uptime", "Uptime", Cell{Text: texttable.Age(now.Sub(p.Started))}},
	}
}

// eventMessages returns the newest events that are in scope, the newest first.
func eventMessages(all []control.Event, o *Options) (list []Message) {
	for _, e := range slices.Backward(all) {
		if len(list) == newestEvents {
			break
		}
		if e.Backend != "" && !o.Shows(e.Backend) || e.Frontend != "" && !o.Shows(e.Frontend) {
			continue
		}
		m := Message{Class: eventClass(e.Kind), At: e.At, Text: e.Text}
		if e.Backend != "" {
			m.Href = BackendURL(e.Backend)
		}
		list = append(list, m)
	}
	return list
}

func eventClass(k events.Kind) string {
	switch k {
	case events.ServerDown, events.BackendDown, events.NameFailed:
		return Bad
	case events.ServerUp, events.BackendUp:
		return Good
	case events.DrainStarted, events.MaintStarted, events.Stopping:
		return Warn
	default:
		return Info
	}
}

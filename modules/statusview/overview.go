// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// newestEvents is the number of events that the overview shows.
const newestEvents = 10

// overview shows the numbers of the process and what happened last.
func overview(_ Query, o *Options, now time.Time) ([]Panel, error) {
	return []Panel{
		problemsPanel(o, now),
		{ID: "now", Title: "Now", Facts: processFacts(control.ProcessNow())},
		{ID: "hour", Title: "The last hour", Graphs: trendGraphs(control.History())},
		{ID: "events", Title: "Newest events", Feed: true, Messages: eventMessages(control.Events(0, 0), o)},
	}, nil
}

func processFacts(p control.Process) []Fact {
	facts := []Fact{
		{"connections", "Connections", withTitle(Used(p.Connections, limitOf(&p)), "the highest number so far: %d", p.Highest)},
		{"connections-max", "At most", Limit(limitOf(&p))},
		{"rate", "New sessions", withTitle(rate(p.SessionRate), "the highest number in a second: %d", p.MaxSessionRate)},
		{"total", "Connections so far", Number(p.Total)},
		{"in", "From clients", withTitle(Bytes(p.In), "%d bytes in connections that have ended", p.In)},
		{"out", "To clients", withTitle(Bytes(p.Out), "%d bytes in connections that have ended", p.Out)},
		{"memory", "Memory", Bytes(int64(p.Memory.System))},
		{"overload", "Overload", overload(p.Overload.Stage)},
		{"uptime", "Up for", Ago(p.Started)},
	}
	if p.Stopping {
		facts = append(facts, Fact{"stopping", "State", Cell{Text: "stopping", Class: Warn}})
	}
	return facts
}

// limitOf returns the limit of connections: the one that was set, or that of descriptors.
func limitOf(p *control.Process) int {
	if p.MaxConn > 0 && (p.Possible == 0 || p.MaxConn < p.Possible) {
		return p.MaxConn
	}
	return p.Possible
}

// overload returns a stage of overload.
func overload(stage string) Cell {
	if stage == "normal" {
		return Cell{Text: stage, Class: Good}
	}
	return Cell{Text: stage, Class: Bad}
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
		m := Message{Class: eventClass(e.Kind), At: e.At, Text: printable.Message(e.Text)}
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

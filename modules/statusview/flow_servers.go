// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// serverSum is the sum of servers that are not shown one by one.
type serverSum struct {
	count, rate int
	sessions    int64
}

// serversToShow returns the servers of a backend that are shown: all of a few, else those that are
// down; and the sum of the others.
func serversToShow(b *control.FlowBackend) (shown []control.FlowServer, others serverSum) {
	for _, s := range b.Servers {
		if len(b.Servers) <= maxDrawnServers || s.State == "down" && len(shown) < maxDrawnServers-1 {
			shown = append(shown, s)
			continue
		}
		others.count, others.rate, others.sessions = others.count+1, others.rate+s.Rate, others.sessions+s.Sessions
	}
	return shown, others
}

// flowServersTable shows the backends that the rules of a frontend name, each with its servers.
func flowServersTable(id string, f *control.FlowFrontend, backends map[string]*control.FlowBackend) Table {
	t := Table{ID: id, Caption: "Backends and servers of " + Text(f.Name).Text, Columns: []Column{
		{Title: "Backend", Words: true}, {Title: "Server", Words: true}, {Title: "State", Words: true}, {Title: "Rate"}, {Title: "Sessions", Rank: 1},
	}, Empty: "Its rules name no backend."}
	for _, name := range targetsOf(f) {
		b := backends[name]
		if b == nil {
			continue
		}
		if t.Total++; t.Total > maxFlowRows {
			continue
		}
		t.Rows = append(t.Rows, backendRows(b)...)
	}
	if more := t.Total - maxFlowRows; more > 0 {
		t.Rows = append(t.Rows, Row{Key: "rest", Class: Quiet, Cells: []Cell{Text(fmt.Sprintf("and %d more", more)), {}, {}, {}, {}}})
	}
	t.Total = len(t.Rows)
	return t
}

// targetsOf returns the backends that the rules of a frontend name, in their order.
func targetsOf(f *control.FlowFrontend) (all []string) {
	known := make(map[string]bool)
	for _, c := range f.Choices {
		for _, to := range c.To {
			if !known[to.Backend] {
				known[to.Backend] = true
				all = append(all, to.Backend)
			}
		}
	}
	return slices.Clip(all)
}

// backendRows returns the row of a backend, and those of its servers.
func backendRows(b *control.FlowBackend) []Row {
	state := Cell{Text: fmt.Sprintf("%d of %d usable", b.Usable, len(b.Servers)), Class: Words + " " + Up}
	if b.Down {
		state.Class = Words + " " + Down
	}
	name := Text(b.Name)
	rows := []Row{{Key: "backend " + b.Name, Cells: []Cell{Link(b.Name, BackendURL(b.Name)), {Class: Words}, state, rate(b.Rate), Number(b.Connections)}}}
	shown, others := serversToShow(b)
	for _, s := range shown {
		rows = append(rows, Row{Key: "server " + b.Name + "/" + s.Name, Cells: []Cell{
			name, Text(s.Name), {Text: s.State, Class: Words + " " + serverClasses[s.State]}, rate(s.Rate), Number(s.Sessions),
		}})
	}
	if others.count > 0 {
		rows = append(rows, Row{Key: "servers of " + b.Name, Cells: []Cell{name, Text(fmt.Sprintf("%d servers", others.count)), {}, rate(others.rate), Number(others.sessions)}})
	}
	return rows
}

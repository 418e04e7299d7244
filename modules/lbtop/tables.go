// SPDX-License-Identifier: Apache-2.0

package lbtop

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// above returns the lines above the table.
func (m *model) above() []string {
	if m.view != Overview {
		return nil
	}
	o, s := m.state.Overview, m.screen()
	v := o.Servers
	lines := []string{
		fmt.Sprintf(" servers   %s %s %s %s", s.Paint(fmt.Sprintf("%d up", v.Up), texttable.Green), s.Paint(fmt.Sprintf("%d down", v.Down), redIf(v.Down > 0)),
			s.Paint(fmt.Sprintf("%d drain", v.Drain), texttable.Yellow), s.Paint(fmt.Sprintf("%d maint", v.Maint), texttable.Blue)),
		fmt.Sprintf(" backends  %d, %s", o.Backends.Total, s.Paint(fmt.Sprintf("%d down", o.Backends.Down), redIf(o.Backends.Down > 0))),
		fmt.Sprintf(" sessions  %d in all, %d queued, %s in, %s out", o.SessionsTotal, o.Queue, texttable.Bytes(o.BytesIn), texttable.Bytes(o.BytesOut)),
		"",
	}
	for _, of := range []struct {
		title string
		h     *history
	}{{"sessions/s", &m.rates}, {"connections", &m.conns}} {
		bars, highest := of.h.line(max(10, m.width-24))
		lines = append(lines, fmt.Sprintf(" %-11s %s %6d max", of.title, s.Paint(bars, texttable.Green), highest))
	}
	return append(lines, "")
}

func redIf(bad bool) texttable.Colour {
	if bad {
		return texttable.Red
	}
	return 0
}

// table returns the table of the view.
func (m *model) table() *texttable.Table {
	switch m.view {
	case Frontends:
		return m.frontends()
	case Servers:
		return m.servers()
	case Sessions:
		return m.sessions()
	case Names:
		return m.names()
	case Events:
		return m.events()
	default:
		return m.backends()
	}
}

func (m *model) backends() *texttable.Table {
	t := &texttable.Table{Columns: []texttable.Column{
		{Title: "BACKEND"},
		{Title: "STATE"},
		{Title: "USABLE"},
		{Title: "CONN", Right: true},
		{Title: "QUEUE", Right: true},
		{Title: "RATE", Right: true},
		{Title: "ERRORS", Right: true, Rank: 1},
		{Title: "IN", Right: true, Rank: 2},
		{Title: "OUT", Right: true, Rank: 2},
	}}
	for _, name := range slices.Sorted(maps.Keys(m.state.Backends)) {
		b := m.state.Backends[name]
		state := "up"
		if b.Down {
			state = "down"
		}
		t.Add(name, texttable.Painted(state, StateColour(state)), fmt.Sprintf("%d/%d", b.ActiveServers+b.BackupServers, len(b.Servers)),
			b.Connections, b.Queue, b.Rate.Now, b.ConnectErrors+b.ResponseErrors, texttable.Bytes(b.BytesIn), texttable.Bytes(b.BytesOut))
	}
	return t
}

func (m *model) frontends() *texttable.Table {
	t := &texttable.Table{Columns: []texttable.Column{
		{Title: "FRONTEND"},
		{Title: "STATE"},
		{Title: "CONN", Right: true},
		{Title: "LIMIT", Right: true},
		{Title: "RATE", Right: true},
		{Title: "SESSIONS", Right: true},
		{Title: "IN", Right: true, Rank: 1},
		{Title: "OUT", Right: true, Rank: 1},
		{Title: "LISTENERS", Right: true, Rank: 2},
	}}
	for _, name := range slices.Sorted(maps.Keys(m.state.Frontends)) {
		f := m.state.Frontends[name]
		t.Add(name, texttable.Painted(f.State, StateColour(f.State)), f.Connections, texttable.Limit(f.MaxConn), f.Rate.Now, f.SessionsTotal,
			texttable.Bytes(f.BytesIn), texttable.Bytes(f.BytesOut), len(f.Listeners))
	}
	return t
}

func (m *model) servers() *texttable.Table {
	t := &texttable.Table{Columns: []texttable.Column{
		{Title: "SERVER"},
		{Title: "STATE"},
		{Title: "SINCE", Right: true},
		{Title: "SESS", Right: true},
		{Title: "QUEUE", Right: true},
		{Title: "RATE", Right: true},
		{Title: "WEIGHT", Right: true, Rank: 2},
		{Title: "ERRORS", Right: true, Rank: 3},
		{Title: "CHECK", Rank: 1},
		{Title: "IN", Right: true, Rank: 4},
		{Title: "OUT", Right: true, Rank: 4},
		{Title: "ADDRESS", Rank: 5},
	}}
	for _, backend := range slices.Sorted(maps.Keys(m.state.Backends)) {
		servers := m.state.Backends[backend].Servers
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			s := servers[name]
			state, check := StateOf(s), "-"
			if s.LastCheck != nil {
				check = s.LastCheck.Code
			}
			t.Add(backend+"/"+name, texttable.Painted(state, StateColour(state)), texttable.Age(m.state.At.Sub(s.Since)), s.Sessions, s.Queue, s.Rate.Now,
				s.Weight, s.ConnectErrors+s.ResponseErrors, check, texttable.Bytes(s.BytesIn), texttable.Bytes(s.BytesOut), s.Address)
		}
	}
	return t
}

func (m *model) sessions() *texttable.Table {
	t := &texttable.Table{Columns: []texttable.Column{
		{Title: "ID", Right: true},
		{Title: "STAGE", Rank: 3},
		{Title: "CLIENT"},
		{Title: "SERVER"},
		{Title: "AGE", Right: true},
		{Title: "IDLE", Right: true, Rank: 1},
		{Title: "IN", Right: true, Rank: 2},
		{Title: "OUT", Right: true, Rank: 2},
		{Title: "NAME", Rank: 4},
	}}
	for _, s := range m.state.Sessions.Sessions {
		server := s.Backend
		if s.Server != "" {
			server += "/" + s.Server
		}
		t.Add(s.ID, s.Stage, s.Client, server, seconds(s.Age), seconds(s.Idle), texttable.Bytes(s.BytesIn), texttable.Bytes(s.BytesOut), s.Name)
	}
	return t
}

func seconds(s float64) string { return texttable.Age(time.Duration(s * float64(time.Second))) }

func (m *model) names() *texttable.Table {
	t := &texttable.Table{Columns: []texttable.Column{{Title: "CONNECTIONS", Right: true}, {Title: "NAME"}}}
	for _, n := range m.state.Names.Names {
		t.Add(n.Count, n.Name)
	}
	if n := m.state.Names.Others; n > 0 {
		t.Add(n, "(others)")
	}
	return t
}

// events shows the last changes of state, the newest first.
func (m *model) events() *texttable.Table {
	t := &texttable.Table{Columns: []texttable.Column{{Title: "AGO", Right: true}, {Title: "EVENT"}}}
	for _, e := range slices.Backward(m.state.Events) {
		t.Add(texttable.Age(m.state.At.Sub(e.At)), texttable.Painted(e.Text, EventColour(e.Kind)))
	}
	return t
}

// EventColour returns the colour of a kind of events.
func EventColour(k events.Kind) texttable.Colour {
	switch k {
	case events.ServerDown, events.BackendDown:
		return texttable.Red
	case events.ServerUp, events.BackendUp:
		return texttable.Green
	case events.DrainStarted:
		return texttable.Yellow
	case events.MaintStarted:
		return texttable.Blue
	default:
		return 0
	}
}

// StateOf returns the state of a server in a word.
func StateOf(s lbadmin.Server) string {
	switch {
	case s.Admin == "maint":
		return "maint"
	case s.Health == "down":
		return "down"
	case s.Admin == "drain":
		return "drain"
	case !s.Checked && s.Tracks == "":
		return "no check"
	default:
		return "up"
	}
}

// StateColour returns the colour of the state of a frontend, a backend or a server.
func StateColour(state string) texttable.Colour {
	switch state {
	case "up", "open":
		return texttable.Green
	case "down":
		return texttable.Red
	case "drain", "full":
		return texttable.Yellow
	case "maint", "disabled":
		return texttable.Blue
	case "stopped":
		return texttable.Dim
	default:
		return 0
	}
}

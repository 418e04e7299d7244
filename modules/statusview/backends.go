// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The view of all backends shows only the servers of a backend that need attention if it has more
// than manyServers, or if those before it are pageSize already.
const manyServers = 50

// backends shows the frontends and all backends with their servers, or one backend.
func backends(q Query, o *Options, _ time.Time) ([]Panel, error) {
	if q.Backend != "" {
		return oneBackend(q, o)
	}
	panels := []Panel{{ID: "find", Title: "Frontends and backends", Form: filterForm(q)}}
	if frontends := frontendsTable(control.Frontends(), o); len(frontends.Rows) > 0 {
		panels[0].Tables = []Table{frontends}
	}
	all := control.Backends()
	tracked, room := control.TrackedIn(all), pageSize
	for i := range all {
		b := &all[i]
		if !o.Shows(b.Name) {
			continue
		}
		few := len(b.Servers) <= min(manyServers, room)
		p := backendPanel(b, few, q, o, tracked)
		room = max(0, room-len(p.Tables[0].Rows))
		panels = append(panels, p)
	}
	return panels, nil
}

func filterForm(q Query) *Form {
	return &Form{ID: "filter", Method: "get", Submit: "Filter", Fields: []Field{
		{Kind: "hidden", Name: "view", Value: "backends"},
		{Kind: "hidden", Name: "backend", Value: q.Backend},
		{Kind: "text", Name: "filter", Label: "Servers that contain", Value: q.Filter, Placeholder: "web1, DOWN, L4TOUT"},
	}}
}

// oneBackend shows all servers of a backend, in pages.
func oneBackend(q Query, o *Options) ([]Panel, error) {
	if !o.Shows(q.Backend) {
		return nil, fmt.Errorf("backend %q: %w", q.Backend, control.ErrUnknown)
	}
	b, err := control.BackendOf(q.Backend)
	if err != nil {
		return nil, err
	}
	p := backendSummary(&b)
	p.Form = filterForm(q)
	t := serversTable(&b, o)
	rows := serverRows{trackedBy(&b)}
	t.arrange(q, len(b.Servers), func(i int) Row { return rows.row(b.Name, &b.Servers[i]) })
	rows.addHistory(b.Name, &t)
	p.Tables = []Table{t}
	return []Panel{p}, nil
}

// backendPanel shows a backend among others: all of its servers if they are few, or else those that
// need attention.
func backendPanel(b *control.Backend, few bool, q Query, o *Options, tracked control.Tracked) Panel {
	p := backendSummary(b)
	t := serversTable(b, o)
	rows := serverRows{tracked}
	for i := range b.Servers {
		s := &b.Servers[i]
		if !few && q.Filter == "" && !needsAttention(s) {
			continue
		}
		if r := rows.row(b.Name, s); q.Filter == "" || r.contains(q.Filter) {
			t.Rows = append(t.Rows, r)
		}
	}
	t.Total = len(t.Rows)
	if len(t.Rows) > pageSize {
		t.Rows = t.Rows[:pageSize]
	}
	if !few {
		p.Note = fmt.Sprintf("Of its %d servers, those that need attention are shown.", len(b.Servers))
		t.Empty = "No server needs attention."
		t.More = Query{View: "backends", Backend: b.Name, Filter: q.Filter}.URL()
	}
	rows.addHistory(b.Name, &t)
	p.Tables = []Table{t}
	return p
}

// needsAttention reports whether a server is not simply up: it is down, changes its state, is in
// drain or maintenance, or has clients that wait for it.
func needsAttention(s *pool.ServerStatus) bool {
	changing := s.Counter < s.Of && !s.Check.At.IsZero()
	return s.Down || s.Admin != pool.Ready || changing || s.Queued > 0 || s.MaxConn > 0 && s.Sessions >= int64(s.MaxConn)
}

// backendSummary returns a panel with the numbers of a backend.
func backendSummary(b *control.Backend) Panel {
	id := "backend-" + idOf(b.Name)
	up, t := 0, &b.Traffic.Traffic
	for i := range b.Servers {
		if s := &b.Servers[i]; !s.Down && s.Admin == pool.Ready {
			up++
		}
	}
	facts := []Fact{
		{id + "-state", "State", backendState(b)},
		{id + "-servers", "Servers up", Cell{Text: fmt.Sprintf("%d of %d", up, len(b.Servers)), Title: fmt.Sprintf("usable: %d active, %d backup", b.Active, b.Backups)}},
		{id + "-sessions", "Sessions", Used(b.Load.Connections, b.FullConn)},
		{id + "-total", "Total", withTitle(Number(b.Taken), "the highest number at a time: %d", b.Load.Highest)},
		{id + "-rate", "New", withTitle(rate(b.Load.Rate), "the highest number in a second: %d", b.Load.MaxRate)},
		{id + "-queue", "Queue", withTitle(nonzero(Number(b.AllQueued()), Warn), "the longest: %d", b.MaxQueued)},
		{id + "-in", "In", Bytes(t.In)},
		{id + "-out", "Out", Bytes(t.Out)},
		{id + "-errors", "Errors", withTitle(nonzero(Number(t.ConnectErrors+t.ResponseErrors), Bad),
			"of connections to servers: %d, of answers: %d", t.ConnectErrors, t.ResponseErrors)},
		{id + "-retries", "Retries", withTitle(Number(b.Retries), "of them to other servers: %d", b.Redispatches)},
		{id + "-downs", "Times down", withTitle(nonzero(Number(b.Downs), Bad), "for %s in all", Age(b.DownTime).Text)},
		{id + "-last", "Last session", lastSession(b)},
	}
	return Panel{ID: id, Title: "Backend " + Text(b.Name).Text, Href: BackendURL(b.Name), Facts: facts}
}

// lastSession returns when a backend got a session last.
func lastSession(b *control.Backend) Cell {
	if b.LastTaken.IsZero() {
		return Cell{Text: "never", Class: Quiet}
	}
	return Ago(b.LastTaken)
}

// backendState returns HAProxy's word for the state of a backend.
func backendState(b *control.Backend) Cell {
	if b.Down {
		return Cell{Text: "DOWN", Class: Down}
	}
	return Cell{Text: "UP", Class: Up}
}

// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

var sessionColumns = []Column{
	{Title: "ID"},
	{Title: "Stage", Words: true, Help: "waits for a hello, a server or a connect, or is a session", Rank: 2},
	{Title: "Client", Words: true},
	{Title: "Frontend", Words: true, Rank: 3},
	{Title: "Server", Words: true},
	{Title: "Name", Words: true, Help: "the server name in the hello", Rank: 1},
	{Title: "Since", Words: true},
	{Title: "Idle", Help: "since bytes last passed", Rank: 2},
	{Title: "In", Help: "bytes from the client", Rank: 1},
	{Title: "Out", Help: "bytes to the client", Rank: 1},
}

var sessionActions = []Action{{"end", "End", ""}}

// sessions shows the connections that match the query, the oldest first.
func sessions(q Query, o *Options, _ time.Time) ([]Panel, error) {
	filter, err := control.ParseSessionFilter(q.values())
	if err != nil {
		return nil, err
	}
	t := Table{ID: "sessions", Caption: "Sessions", Columns: append([]Column{}, sessionColumns...), Kind: "session", Empty: "No session matches."}
	if o.Control {
		t.Actions = sessionActions
	}
	limit := 0
	if o.Scope == nil {
		limit = q.Offset + pageSize
	}
	list, total := control.Sessions(filter, limit)
	for i := range list {
		if o.Shows(list[i].Frontend) || list[i].Backend != "" && o.Shows(list[i].Backend) {
			t.Rows = append(t.Rows, sessionRow(&list[i]))
		}
	}
	if o.Scope != nil {
		total = len(t.Rows)
	}
	from, to := q.page(len(t.Rows))
	t.Rows = t.Rows[from:to]
	t.cut(q, total)
	facts := []Fact{{"sessions-total", "Sessions that match", Number(total)}}
	return []Panel{{ID: "list", Title: "Sessions", Note: "The oldest first.", Facts: facts, Form: sessionForm(q), Tables: []Table{t}}}, nil
}

func sessionForm(q Query) *Form {
	return connectionForm(q, "sessions",
		Field{Kind: "text", Name: "older_than", Label: "Older than", Value: q.OlderThan, Placeholder: "5m"},
		Field{Kind: "text", Name: "idle_for", Label: "Idle for", Value: q.IdleFor, Placeholder: "30s"},
	)
}

// connectionForm returns a form that filters connections by their ends and names, and by more.
func connectionForm(q Query, view string, more ...Field) *Form {
	return &Form{ID: "filter", Method: "get", Submit: "Filter", Fields: append([]Field{
		{Kind: "hidden", Name: "view", Value: view},
		{Kind: "text", Name: "frontend", Label: "Frontend", Value: q.Frontend},
		{Kind: "text", Name: "backend", Label: "Backend", Value: q.Backend},
		{Kind: "text", Name: "server", Label: "Server", Value: q.Server},
		{Kind: "text", Name: "name", Label: "Name", Value: q.Name, Placeholder: "www.example.com or *.example.com"},
		{Kind: "text", Name: "source", Label: "Client", Value: q.Source, Placeholder: "192.0.2.0/24"},
	}, more...)}
}

func sessionRow(s *control.Session) Row {
	id := strconv.FormatUint(s.ID, 10)
	server := Cell{Text: Text(s.Backend).Text, Class: Words}
	if s.Server != "" {
		server = Link(s.Backend+"/"+s.Server, BackendURL(s.Backend))
		server.Title = s.Address
	}
	return Row{Key: id, Target: id, Cells: []Cell{
		{Text: id},
		{Text: s.Stage.String(), Class: Words},
		{Text: s.Client.String(), Class: Words, Title: "to " + s.Local.String()},
		Text(s.Frontend),
		server,
		Text(s.Name),
		Ago(s.Started),
		Age(s.Idle),
		Bytes(s.In), Bytes(s.Out),
	}}
}

// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"net/url"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

var frontendColumns = []Column{
	{Title: "Frontend", Words: true},
	{Title: "Status", Words: true},
	{Title: "Listeners", Words: true, Rank: 2},
	{Title: "Cur", Group: "Session rate", Help: "new sessions in the last second"},
	{Title: "Max", Group: "Session rate", Rank: 3},
	{Title: "Limit", Group: "Session rate", Rank: 3},
	{Title: "Cur", Group: "Sessions", Help: "now, against maxconn"},
	{Title: "Max", Group: "Sessions", Rank: 2},
	{Title: "Limit", Group: "Sessions", Rank: 2},
	{Title: "Total", Group: "Sessions", Rank: 1},
	{Title: "In", Group: "Bytes", Help: "from clients", Rank: 1},
	{Title: "Out", Group: "Bytes", Help: "to clients", Rank: 1},
	{Title: "Req", Group: "Denied", Help: "clients that rules refused, before or after their hello"},
	{Title: "Resp", Group: "Denied", Help: "sessions that rules about the answer refused", Rank: 3},
	{Title: "Req", Group: "Errors", Help: "clients that left, or were silent, before their hello was complete"},
}

var frontendActions = []Action{
	{"enable", "Enable", ""},
	{"disable", "Disable: new connections wait", ""},
	{"maxconn", "Set maxconn", "a number; 0: no limit"},
}

func frontendsTable(all []control.Frontend, o *Options) Table {
	t := Table{ID: "frontends", Caption: "Frontends", Columns: append([]Column{}, frontendColumns...), Kind: "frontend"}
	if o.Control {
		t.Actions = frontendActions
	}
	for i := range all {
		if o.Shows(all[i].Name) {
			t.Rows = append(t.Rows, frontendRow(&all[i]))
		}
	}
	t.Total = len(t.Rows)
	return t
}

func frontendRow(f *control.Frontend) Row {
	state := frontendState(f)
	denied := f.RefusedFor("connection", "session", "content")
	return Row{Key: Text(f.Name).Text, Class: state.Class, Target: url.PathEscape(f.Name), Cells: []Cell{
		Text(f.Name),
		{Text: state.Text, Class: Words + " " + state.Class},
		listenerNames(f),
		Number(f.Rate), Number(f.MaxRate), Limit(f.SessionRate),
		Used(f.Connections, f.MaxConn), Number(f.Highest), Limit(f.MaxConn), Number(f.Sessions),
		Bytes(f.In), Bytes(f.Out),
		withTitle(nonzero(Number(denied), Warn), "by rules about connections: %d, sessions: %d, content: %d",
			f.RefusedFor("connection"), f.RefusedFor("session"), f.RefusedFor("content")),
		nonzero(Number(f.RefusedFor("response")), Warn),
		nonzero(Number(f.EndedBy(tcplog.ClientLeft, tcplog.ClientTimeoutHello)), Warn),
	}}
}

// frontendState returns HAProxy's word for the state of a frontend.
func frontendState(f *control.Frontend) Cell {
	switch {
	case !f.Running || f.State == frontend.Stopped:
		return Cell{Text: "STOP", Class: Down}
	case f.State == frontend.Disabled:
		return Cell{Text: "PAUSED", Class: Maint}
	case f.MaxConn > 0 && f.Connections >= int64(f.MaxConn):
		return Cell{Text: "FULL", Class: GoingDown}
	}
	return Cell{Text: "OPEN", Class: Up}
}

// listenerNames returns the names of the listeners.
func listenerNames(f *control.Frontend) Cell {
	c := Cell{Class: Words}
	for i := range f.Listeners {
		if i > 0 {
			c.Text += ", "
		}
		c.Text += Text(f.Listeners[i].Name).Text
		if !f.Listeners[i].Open {
			c.Text += " (closed)"
		}
	}
	return c
}

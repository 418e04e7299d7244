// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

var endColumns = []Column{
	{Title: "Ended", Words: true},
	{Title: "End", Words: true, Help: "HAProxy's termination letters"},
	{Title: "Reason", Words: true},
	{Title: "Client", Words: true},
	{Title: "Frontend", Words: true, Rank: 3},
	{Title: "Server", Words: true},
	{Title: "Name", Words: true, Help: "the server name in the hello", Rank: 1},
	{Title: "TLS", Words: true, Help: "the version that the server chose, or the highest that the client offered", Rank: 4},
	{Title: "In", Help: "bytes from the client", Rank: 1},
	{Title: "Out", Help: "bytes to the client", Rank: 1},
	{Title: "Hello", Group: "Times", Help: "until the hello was complete", Rank: 3},
	{Title: "Queue", Group: "Times", Help: "in queues for a server", Rank: 3},
	{Title: "Connect", Group: "Times", Help: "until the server was connected, with retries", Rank: 3},
	{Title: "All", Group: "Times", Help: "from accept to the end", Rank: 2},
	{Title: "Retries", Rank: 4},
}

// logTail shows the last connections that have ended, of those that match the query.
func logTail(q Query, o *Options, _ time.Time) ([]Panel, error) {
	filter, err := control.ParseEndFilter(q.values())
	if err != nil {
		return nil, err
	}
	t := Table{ID: "ends", Caption: "Ends of connections", Columns: endColumns, Empty: "No connection that has ended matches."}
	for _, e := range control.Ends(filter, 0) {
		if o.Shows(e.Frontend) || e.Backend != "" && o.Shows(e.Backend) {
			t.Rows = append(t.Rows, endRow(&e))
		}
	}
	t.Total = len(t.Rows)
	note := "The last 200 connections that have ended, the newest first; with a filter, those of them that match. Of refused and failed ones, the last 200 are remembered apart."
	return []Panel{{ID: "log-ends", Title: "Log", Note: note, Form: endForm(q), Tables: []Table{t}}}, nil
}

func endForm(q Query) *Form {
	return connectionForm(q, "log",
		Field{Kind: "text", Name: "termination", Label: "Letters", Value: q.Termination, Placeholder: "SC"},
		Field{Kind: "select", Name: "failed", Label: "Only failed", Value: q.Failed, Options: []string{"", "1"}},
	)
}

func endRow(e *control.End) Row {
	class := ""
	if e.End.IsFailure() {
		class = Bad
	}
	return Row{Key: strconv.FormatUint(e.ID, 10), Class: class, Cells: []Cell{
		Time(e.At),
		{Text: e.End.Letters(), Class: Words, Title: e.End.String() + ", by the " + e.By.String()},
		endReason(e),
		{Text: e.Client.String(), Class: Words},
		Text(e.Frontend),
		endServer(e),
		Text(e.Name),
		endTLS(e),
		Bytes(e.In), Bytes(e.Out),
		took(e.HelloWait), took(e.Queue), took(e.Connect), took(e.Duration),
		Number(e.Retries),
	}}
}

// endReason says in words why a connection ended.
func endReason(e *control.End) Cell {
	text := e.End.Meaning()
	if e.Outcome.String() != "hello" && !e.Uninspected {
		text += " (" + e.OutcomeName() + ")"
	}
	if _, alert, refused := e.ServerTLS(); refused {
		text += "; the server refused TLS by the alert " + tcplog.AlertName(alert)
	}
	if e.Error != "" {
		text += ": " + printable.Message(e.Error)
	}
	return Cell{Text: text, Class: Words}
}

func endServer(e *control.End) Cell {
	switch {
	case e.Server != "":
		c := Link(e.Backend+"/"+e.Server, BackendURL(e.Backend))
		c.Title = printable.Text(e.Address)
		return c
	case e.Backend != "":
		return Link(e.Backend, BackendURL(e.Backend))
	default:
		return Cell{Text: "-", Class: Words + " " + Quiet}
	}
}

func endTLS(e *control.End) Cell {
	chosen, _, _ := e.ServerTLS()
	version := chosen
	if version == 0 {
		version = e.Version
	}
	if version == 0 {
		return Cell{Text: "-", Class: Words + " " + Quiet}
	}
	c := Cell{Text: clienthello.VersionName(version), Class: Words}
	if chosen == 0 {
		c.Class, c.Title = Words+" "+Quiet, "offered by the client"
	}
	return c
}

// took returns a short time; a quiet dash for one that was not reached.
func took(d time.Duration) Cell {
	switch {
	case d == tcplog.NotReached:
		return Cell{Text: "-", Class: Quiet, Sort: new(-1.0)}
	case d < time.Millisecond:
		return Cell{Text: "<1 ms", Sort: new(d.Seconds())}
	case d < 10*time.Second:
		return Cell{Text: fmt.Sprintf("%d ms", d.Milliseconds()), Sort: new(d.Seconds())}
	default:
		return Cell{Text: texttable.Age(d), Sort: new(d.Seconds())}
	}
}

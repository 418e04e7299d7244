// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statfields"
)

// serverColumns are HAProxy's columns that have a meaning for TCP, in its groups.
var serverColumns = []Column{
	{Title: "Server", Words: true},
	{Title: "Status", Words: true, Help: "HAProxy's word; UP 1/3: one more failed check takes it down"},
	{Title: "Since", Words: true, Help: "the last change of the status", Rank: 1},
	{Title: "Weight", Help: "in effect, of the configured one", Rank: 1},
	{Title: "Role", Words: true, Help: "backup, or active without a word", Rank: 2},
	{Title: "Cur", Group: "Queue", Help: "clients that wait for this server", Rank: 1},
	{Title: "Max", Group: "Queue", Rank: 3},
	{Title: "Limit", Group: "Queue", Rank: 3},
	{Title: "Cur", Group: "Session rate", Help: "new sessions in the last second", Rank: 1},
	{Title: "Max", Group: "Session rate", Rank: 3},
	{Title: "Cur", Group: "Sessions", Help: "now, against maxconn"},
	{Title: "Max", Group: "Sessions", Rank: 2},
	{Title: "Limit", Group: "Sessions", Rank: 2},
	{Title: "Total", Group: "Sessions", Rank: 1},
	{Title: "Last", Group: "Sessions", Words: true, Help: "when it got a session last", Rank: 3},
	{Title: "In", Group: "Bytes", Help: "from clients", Rank: 1},
	{Title: "Out", Group: "Bytes", Help: "to clients", Rank: 1},
	{Title: "Conn", Group: "Errors", Help: "clients that were not connected"},
	{Title: "Resp", Group: "Errors", Help: "sessions that the server broke", Rank: 1},
	{Title: "Abrt", Group: "Errors", Help: "sessions that one side broke, or left idle", Rank: 3},
	{Title: "Retr", Group: "Warnings", Help: "further attempts to connect", Rank: 3},
	{Title: "Redis", Group: "Warnings", Help: "attempts that went on to another server", Rank: 3},
	{Title: "Last", Group: "Checks", Words: true, Help: "the last health check"},
	{Title: "History", Group: "Checks", Words: true, Help: "the last checks, the newest at the right", Rank: 2},
	{Title: "Fail", Group: "Checks", Help: "failed checks that lowered the health", Rank: 3},
	{Title: "Downs", Group: "Checks", Help: "how often it went down", Rank: 2},
	{Title: "Down for", Group: "Checks", Words: true, Help: "in all, with maintenance", Rank: 3},
}

// historyColumn is the index of the column with the last checks.
const historyColumn = 23

// serverActions are the changes of servers, in HAProxy's order.
var serverActions = []Action{
	{"ready", "Set state to ready", ""},
	{"drain", "Set state to drain", ""},
	{"maint", "Set state to maintenance", ""},
	{"weight", "Set weight", "a number, or a percentage such as 50%"},
	{"checks-off", "Disable health checks", ""},
	{"checks-on", "Enable health checks", ""},
	{"health-up", "Force health up", ""},
	{"health-stopping", "Force health to stopping", ""},
	{"health-down", "Force health down", ""},
	{"agent-off", "Disable agent checks", ""},
	{"agent-on", "Enable agent checks", ""},
	{"agent-up", "Force agent up", ""},
	{"agent-down", "Force agent down", ""},
	{"end-sessions", "End all sessions", ""},
}

// serversTable returns the table of a backend's servers, without rows.
func serversTable(b *control.Backend, o *Options) Table {
	t := Table{ID: "servers-" + idOf(b.Name), Caption: "Servers of " + Text(b.Name).Text, Columns: append([]Column{}, serverColumns...), Kind: "server", Empty: "It has no servers."}
	if o.Control {
		t.Actions = serverActions
	}
	return t
}

// trackedBy returns the servers that those of a backend track.
func trackedBy(b *control.Backend) control.Tracked {
	if slices.ContainsFunc(b.Servers, func(s pool.ServerStatus) bool { return s.Track != (pool.Ref{}) }) {
		return control.TrackedIn(control.Backends())
	}
	return nil
}

// serverRows makes rows of servers.
type serverRows struct{ tracked control.Tracked }

// row returns the row of a server.
func (rows serverRows) row(backend string, s *pool.ServerStatus) Row {
	status := statfields.ServerState(s, rows.tracked.Checked(s))
	class := serverClass(s, status)
	t := &s.Traffic
	return Row{Key: Text(s.Name).Text, Class: class, Target: targetOf(backend, s.Name), Cells: []Cell{
		{Text: Text(s.Name).Text, Class: Words, Title: serverTitle(s)},
		{Text: status, Class: Words + " " + class},
		Ago(s.Since),
		weight(s),
		role(s),
		nonzero(Number(s.Queued), Warn), Number(s.MaxQueued), Limit(s.MaxQueue),
		Number(s.Rate), Number(s.MaxRate),
		Used(s.Sessions, s.MaxConn), Number(s.MaxSessions), Limit(s.MaxConn), Number(s.Taken), Ago(s.LastTaken),
		Bytes(t.In), Bytes(t.Out),
		nonzero(Number(t.ConnectErrors), Bad), nonzero(Number(t.ResponseErrors), Bad),
		aborts(t),
		nonzero(Number(s.Retries), Warn), nonzero(Number(s.Redispatches), Warn),
		lastCheck(s),
		{},
		Number(s.Checks.Harmful), nonzero(Number(s.Downs), Bad), downTime(s),
	}}
}

// serverClass returns the class of a status.
func serverClass(s *pool.ServerStatus, status string) string {
	switch {
	case s.Admin == pool.Maint:
		return Maint
	case s.Down && strings.Contains(status, "/"):
		return GoingUp
	case s.Down:
		return Down
	case s.Admin == pool.Drain || s.Weight == 0:
		return Draining
	case strings.Contains(status, "/"):
		return GoingDown
	case status == "no check":
		return Unchecked
	case s.Backup:
		return BackupUp
	}
	return Up
}

// serverTitle returns what HAProxy's page shows when the pointer rests on a server.
func serverTitle(s *pool.ServerStatus) string {
	title := s.Address
	if s.Track != (pool.Ref{}) {
		title += ", tracks " + s.Track.String()
	}
	if len(s.Overridden) > 0 {
		title += ", set at run time: " + strings.Join(s.Overridden, ", ")
	}
	return Text(title).Text
}

// weight returns the effective weight, and the configured one if it differs.
func weight(s *pool.ServerStatus) Cell {
	c := Number(s.EffectiveWeight())
	if percent, ok := s.Throttle(); ok && !s.Down {
		c.Title = fmt.Sprintf("slow start: %d%%", percent)
	}
	if s.EffectiveWeight() != s.ServerConfig.Weight {
		c.Sort, c.Text = new(float64(s.EffectiveWeight())), fmt.Sprintf("%s of %d", c.Text, s.ServerConfig.Weight)
	}
	return c
}

// aborts returns the number of sessions that one side broke.
func aborts(t *pool.Traffic) Cell {
	c := Number(t.ClientAborts + t.ServerAborts)
	if c.Text != "0" {
		c.Title = fmt.Sprintf("by clients: %d, by the server: %d", t.ClientAborts, t.ServerAborts)
	}
	return c
}

func role(s *pool.ServerStatus) Cell {
	if s.Backup {
		return Cell{Text: "backup", Class: Words}
	}
	return Cell{}
}

// lastCheck returns the result of the last check in HAProxy's words.
func lastCheck(s *pool.ServerStatus) Cell {
	c := &s.Check
	switch {
	case s.ServerConfig.Check == nil:
		return Cell{}
	case s.ChecksOff:
		return Cell{Text: "disabled", Class: Words + " " + Warn}
	case c.At.IsZero():
		return Cell{Text: "INI", Class: Words, Title: "not checked yet"}
	}
	description, code, info := balancer.CheckWords(c.Result)
	text := string(c.Code)
	if code != "" {
		text += "/" + code
	}
	title := description
	if info != "" {
		title += ": " + info
	}
	class := Words
	if !c.Code.OK() {
		class += " " + Bad
	}
	return Cell{Text: fmt.Sprintf("%s in %dms", text, c.Took.Milliseconds()), Class: class, Title: Text(title).Text}
}

func downTime(s *pool.ServerStatus) Cell {
	if s.ServerConfig.Check == nil && s.DownTime < time.Second {
		return Cell{}
	}
	return Age(s.DownTime.Truncate(time.Second))
}

// strip is the number of checks in the history of a row.
const strip = 12

// addHistory fills the history of rows, if they are few.
func (rows serverRows) addHistory(backend string, t *Table) {
	if len(t.Rows) > pageSize {
		return
	}
	for i := range t.Rows {
		ref, _ := ServerOfTarget(t.Rows[i].Target)
		checks, _, err := control.CheckHistory(backend, ref.Server)
		if err != nil || len(checks) == 0 { // it was removed, or has no checks
			continue
		}
		t.Rows[i].Cells[historyColumn] = history(checks[max(0, len(checks)-strip):])
	}
}

// history returns checks as a strip of marks.
func history(checks []pool.CheckRecord) Cell {
	var marks strings.Builder
	failed := 0
	for _, c := range checks {
		if !c.Code.OK() {
			failed++
			marks.WriteString("✗")
		} else {
			marks.WriteString("·")
		}
	}
	c := Cell{Text: marks.String(), Class: Words}
	if failed > 0 {
		c.Class, c.Title = Words+" "+Bad, fmt.Sprintf("%d of the last %d checks failed", failed, len(checks))
	}
	return c
}

// targetOf returns the target of a server.
func targetOf(backend, server string) string {
	return url.PathEscape(backend) + "/" + url.PathEscape(server)
}

// ServerOfTarget returns the backend and the server of a target of the kind server.
func ServerOfTarget(target string) (ref pool.Ref, err error) {
	backend, server, found := strings.Cut(target, "/")
	if ref.Backend, err = url.PathUnescape(backend); err == nil {
		ref.Server, err = url.PathUnescape(server)
	}
	if err != nil || !found {
		return ref, fmt.Errorf("target %q: expected a backend and a server", target)
	}
	return ref, nil
}

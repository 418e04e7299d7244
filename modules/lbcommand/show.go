// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbtop"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// showCommands returns the commands that change nothing.
func (c *commands) showCommands() []*cobra.Command {
	servers := c.command("servers [BACKEND[/SERVER]]", "Lists servers, or shows one", 0, 1, c.servers)
	servers.ValidArgsFunction = c.completeServers
	return []*cobra.Command{
		c.statusCommand(),
		c.command("frontends", "Lists the frontends", 0, 0, c.frontends),
		c.command("backends", "Lists the backends", 0, 0, c.backends),
		servers,
		c.sessionsCommand(),
		c.command("top", "Shows the load balancer live in the terminal", 0, 0, c.top),
		c.explainCommand(),
		c.command("names", "Lists the server names that clients ask for most", 0, 0, c.names),
		c.command("certificates", "Lists the certificates of the servers whose checks use TLS", 0, 0, c.certificates),
		c.mapsCommand("maps", "the maps"),
		c.mapsCommand("acls", "the files of ACLs"),
		c.eventsCommand(),
		c.command("errors", "Shows the last faulty message of each frontend and backend", 0, 0, c.errors),
		c.command("tables [TABLE]", "Lists the stick tables, or the entries of one", 0, 1, c.tables),
	}
}

// statusCommand returns the command status.
func (c *commands) statusCommand() *cobra.Command {
	quiet := false
	cmd := c.command("status", "Sums up the state of the load balancer", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if quiet {
			return c.health(cmd)
		}
		return c.status(cmd)
	})
	cmd.Flags().BoolVar(&quiet, "exit-code", false, "Print nothing: the exit code says whether it serves, for keepalived and the like")
	return cmd
}

// health returns the exit code of status alone.
func (c *commands) health(cmd *cobra.Command) error {
	o, err := get[lbadmin.Overview](cmd.Context(), &c.endpoint, "overview")
	if err == nil && (o.Backends.Down > 0 || o.Process.Stopping) {
		err = &exit{exitNotYet, ""}
	}
	return err
}

func (c *commands) status(cmd *cobra.Command) error {
	down, stopping := false, false
	err := show(cmd.Context(), c, "overview", func(o lbadmin.Overview) error {
		down, stopping = o.Backends.Down > 0, o.Process.Stopping
		s, p := texttable.NewScreen(c.out), o.Process
		state := s.Paint("running", texttable.Green)
		if p.Stopping {
			state = s.Paint("stopping", texttable.Yellow)
		}
		_, err := fmt.Fprintf(s, "%s for %s, pid %d on %s, overload %s\n", state, texttable.Age(time.Duration(p.Uptime)*time.Second), p.PID, p.Node, p.Overload)
		if err != nil {
			return err
		}
		t := texttable.Table{Columns: []texttable.Column{{}, {}}}
		t.Add("connections", fmt.Sprintf("%d (limit %s), %d in all", p.Connections, texttable.Limit(p.MaxConn), p.ConnectionsTotal))
		t.Add("sessions", fmt.Sprintf("%d/s, %d in all", o.Rate, o.SessionsTotal))
		t.Add("bytes", fmt.Sprintf("%s in, %s out", texttable.Bytes(o.BytesIn), texttable.Bytes(o.BytesOut)))
		t.Add("queue", o.Queue)
		t.Add("frontends", fmt.Sprintf("%d, %d open", o.Frontends.Total, o.Frontends.Open))
		t.Add("backends", texttable.Painted(fmt.Sprintf("%d, %d down", o.Backends.Total, o.Backends.Down), redIf(down)))
		v := o.Servers
		t.Add("servers", texttable.Painted(fmt.Sprintf("%d: %d up, %d down, %d drain, %d maint", v.Total, v.Up, v.Down, v.Drain, v.Maint), redIf(v.Down > 0)))
		if err := t.WriteRows(s); err != nil {
			return err
		}
		return c.problems(cmd, s)
	})
	if err == nil && (down || stopping) {
		return &exit{exitNotYet, ""}
	}
	return err
}

// problems writes the present problems, each with what to do below it.
func (c *commands) problems(cmd *cobra.Command, s texttable.Screen) error {
	list, err := get[[]lbadmin.Problem](cmd.Context(), &c.endpoint, "problems")
	if err != nil {
		return err
	}
	for _, p := range list {
		colour := map[string]texttable.Colour{"critical": texttable.Red, "warning": texttable.Yellow}[p.Severity]
		if _, err := fmt.Fprintf(s, "\n%s %s\n  %s\n", s.Paint(p.Severity+":", colour), p.What, p.Advice); err != nil {
			return err
		}
	}
	return nil
}

func redIf(bad bool) texttable.Colour {
	if bad {
		return texttable.Red
	}
	return 0
}

func (c *commands) frontends(cmd *cobra.Command, _ []string) error {
	return show(cmd.Context(), c, "frontends", func(all map[string]lbadmin.Frontend) error {
		t := texttable.Table{Columns: []texttable.Column{
			{Title: "FRONTEND"},
			{Title: "STATE"},
			{Title: "CONN", Right: true},
			{Title: "MAX", Right: true, Rank: 5},
			{Title: "LIMIT", Right: true, Rank: 2},
			{Title: "RATE", Right: true},
			{Title: "SESSIONS", Right: true, Rank: 1},
			{Title: "REFUSED", Right: true, Rank: 3},
			{Title: "IN", Right: true, Rank: 4},
			{Title: "OUT", Right: true, Rank: 4},
			{Title: "LISTENERS", Rank: 6},
		}}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			f := all[name]
			var listeners []string
			for _, l := range f.Listeners {
				listeners = append(listeners, l.Name)
			}
			t.Add(name, texttable.Painted(f.State, lbtop.StateColour(f.State)), f.Connections, f.ConnectionsMax, texttable.Limit(f.MaxConn), f.Rate.Now, f.SessionsTotal,
				refused(f), texttable.Bytes(f.BytesIn), texttable.Bytes(f.BytesOut), strings.Join(listeners, " "))
		}
		return t.Write(texttable.NewScreen(c.out))
	})
}

// refused returns the number of connections that a frontend refused.
func refused(f lbadmin.Frontend) (n int64) {
	for _, by := range f.RefusedByRules {
		n += int64(by.Count)
	}
	for _, over := range f.Refused {
		n += over
	}
	return n
}

func (c *commands) backends(cmd *cobra.Command, _ []string) error {
	return show(cmd.Context(), c, "backends", func(all lbadmin.Backends) error {
		t := texttable.Table{Columns: []texttable.Column{
			{Title: "BACKEND"},
			{Title: "STATE"},
			{Title: "USABLE"},
			{Title: "CONN", Right: true},
			{Title: "QUEUE", Right: true},
			{Title: "RATE", Right: true},
			{Title: "SESSIONS", Right: true, Rank: 1},
			{Title: "ERRORS", Right: true, Rank: 2},
			{Title: "RETRIES", Right: true, Rank: 3},
			{Title: "IN", Right: true, Rank: 4},
			{Title: "OUT", Right: true, Rank: 4},
			{Title: "LAST", Right: true, Rank: 5},
		}}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			b := all[name]
			state := "up"
			if b.Down {
				state = "down"
			}
			t.Add(name, texttable.Painted(state, lbtop.StateColour(state)), fmt.Sprintf("%d/%d", b.ActiveServers+b.BackupServers, len(b.Servers)), b.Connections, b.Queue, b.Rate.Now,
				b.SessionsTotal, b.ConnectErrors+b.ResponseErrors, b.Retries, texttable.Bytes(b.BytesIn), texttable.Bytes(b.BytesOut), texttable.Since(b.LastSession))
		}
		return t.Write(texttable.NewScreen(c.out))
	})
}

func (c *commands) servers(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && strings.Contains(args[0], "/") {
		return c.server(cmd, args[0])
	}
	if len(args) == 1 {
		return show(cmd.Context(), c, "backends/"+url.PathEscape(args[0]), func(b lbadmin.Backend) error {
			return c.printServers(lbadmin.Backends{args[0]: b})
		})
	}
	return show(cmd.Context(), c, "backends", c.printServers)
}

func (c *commands) printServers(all lbadmin.Backends) error {
	t := texttable.Table{Columns: []texttable.Column{
		{Title: "SERVER"},
		{Title: "STATE"},
		{Title: "SINCE", Right: true, Rank: 5},
		{Title: "WEIGHT", Right: true, Rank: 2},
		{Title: "SESS", Right: true},
		{Title: "MAXCONN", Right: true, Rank: 6},
		{Title: "QUEUE", Right: true, Rank: 1},
		{Title: "RATE", Right: true, Rank: 3},
		{Title: "ERRORS", Right: true, Rank: 4},
		{Title: "DOWNS", Right: true, Rank: 7},
		{Title: "IN", Right: true, Rank: 8},
		{Title: "OUT", Right: true, Rank: 8},
		{Title: "CHECK", Rank: 9},
		{Title: "ADDRESS", Rank: 10},
	}}
	for _, backend := range slices.Sorted(maps.Keys(all)) {
		servers := all[backend].Servers
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			s := servers[name]
			state := lbtop.StateOf(s)
			weight := fmt.Sprint(s.Weight)
			if s.Backup {
				weight += " backup"
			}
			t.Add(backend+"/"+name, texttable.Painted(state, lbtop.StateColour(state)), texttable.Age(time.Since(s.Since)), weight, s.Sessions, texttable.Limit(s.MaxConn), s.Queue, s.Rate.Now,
				s.ConnectErrors+s.ResponseErrors, s.Downs, texttable.Bytes(s.BytesIn), texttable.Bytes(s.BytesOut), checkText(s.LastCheck), s.Address)
		}
	}
	return t.Write(texttable.NewScreen(c.out))
}

// checkText returns the result of a check in short.
func checkText(k *lbadmin.Check) string {
	if k == nil {
		return "-"
	}
	return fmt.Sprintf("%s %.0fms", k.Code, k.Duration*1000)
}

func (c *commands) names(cmd *cobra.Command, _ []string) error {
	return show(cmd.Context(), c, "names", func(n lbadmin.Names) error {
		t := texttable.Table{Columns: []texttable.Column{{Title: "CONNECTIONS", Right: true}, {Title: "NAME"}}}
		for _, name := range n.Names {
			t.Add(name.Count, name.Name)
		}
		if n.Others > 0 {
			t.Add(n.Others, "(others)")
		}
		return t.Write(texttable.NewScreen(c.out))
	})
}

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
)

// showCommands returns the commands that change nothing.
func (c *commands) showCommands() []*cobra.Command {
	servers := c.command("servers [BACKEND[/SERVER]]", "Lists servers, or shows one", 0, 1, c.servers)
	servers.ValidArgsFunction = c.completeServers
	return []*cobra.Command{
		c.command("status", "Sums up the state of the load balancer", 0, 0, c.status),
		c.command("frontends", "Lists the frontends", 0, 0, c.frontends),
		c.command("backends", "Lists the backends", 0, 0, c.backends),
		servers,
		c.sessionsCommand(),
		c.command("names", "Lists the server names that clients ask for most", 0, 0, c.names),
		c.command("tables [TABLE]", "Lists the stick tables, or the entries of one", 0, 1, c.tables),
	}
}

func (c *commands) status(cmd *cobra.Command, _ []string) error {
	down := false
	err := show(cmd.Context(), c, "overview", func(o lbadmin.Overview) error {
		down = o.Backends.Down > 0
		s, p := newScreen(c.out), o.Process
		state := s.paint("running", green)
		if p.Stopping {
			state = s.paint("stopping", yellow)
		}
		_, err := fmt.Fprintf(s, "%s for %s, pid %d on %s, overload %s\n", state, age(time.Duration(p.Uptime)*time.Second), p.PID, p.Node, p.Overload)
		if err != nil {
			return err
		}
		t := table{columns: []column{{}, {}}}
		t.add("connections", fmt.Sprintf("%d (limit %s), %d in all", p.Connections, limitText(p.MaxConn), p.ConnectionsTotal))
		t.add("sessions", fmt.Sprintf("%d/s, %d in all", o.Rate, o.SessionsTotal))
		t.add("bytes", fmt.Sprintf("%s in, %s out", bytesText(o.BytesIn), bytesText(o.BytesOut)))
		t.add("queue", o.Queue)
		t.add("frontends", fmt.Sprintf("%d, %d open", o.Frontends.Total, o.Frontends.Open))
		t.add("backends", cell{fmt.Sprintf("%d, %d down", o.Backends.Total, o.Backends.Down), redIf(down)})
		v := o.Servers
		t.add("servers", cell{fmt.Sprintf("%d: %d up, %d down, %d drain, %d maint", v.Total, v.Up, v.Down, v.Drain, v.Maint), redIf(v.Down > 0)})
		return t.writeRows(s)
	})
	if err == nil && down {
		return &exit{exitNotYet, ""}
	}
	return err
}

func redIf(bad bool) colour {
	if bad {
		return red
	}
	return 0
}

func (c *commands) frontends(cmd *cobra.Command, _ []string) error {
	return show(cmd.Context(), c, "frontends", func(all map[string]lbadmin.Frontend) error {
		t := table{columns: []column{
			{title: "FRONTEND"}, {title: "STATE"}, {title: "CONN", right: true}, {title: "MAX", right: true, rank: 5}, {title: "LIMIT", right: true, rank: 2},
			{title: "RATE", right: true}, {title: "SESSIONS", right: true, rank: 1}, {title: "REFUSED", right: true, rank: 3},
			{title: "IN", right: true, rank: 4}, {title: "OUT", right: true, rank: 4}, {title: "LISTENERS", rank: 6},
		}}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			f := all[name]
			var listeners []string
			for _, l := range f.Listeners {
				listeners = append(listeners, l.Name)
			}
			t.add(name, cell{f.State, stateColour(f.State)}, f.Connections, f.ConnectionsMax, limitText(f.MaxConn), f.Rate.Now, f.SessionsTotal,
				refused(f), bytesText(f.BytesIn), bytesText(f.BytesOut), strings.Join(listeners, " "))
		}
		return t.write(newScreen(c.out))
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
		t := table{columns: []column{
			{title: "BACKEND"}, {title: "STATE"}, {title: "USABLE"}, {title: "CONN", right: true}, {title: "QUEUE", right: true}, {title: "RATE", right: true},
			{title: "SESSIONS", right: true, rank: 1}, {title: "ERRORS", right: true, rank: 2}, {title: "RETRIES", right: true, rank: 3},
			{title: "IN", right: true, rank: 4}, {title: "OUT", right: true, rank: 4}, {title: "LAST", right: true, rank: 5},
		}}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			b := all[name]
			state := "up"
			if b.Down {
				state = "down"
			}
			t.add(name, cell{state, stateColour(state)}, fmt.Sprintf("%d/%d", b.ActiveServers+b.BackupServers, len(b.Servers)), b.Connections, b.Queue, b.Rate.Now,
				b.SessionsTotal, b.ConnectErrors+b.ResponseErrors, b.Retries, bytesText(b.BytesIn), bytesText(b.BytesOut), sinceText(b.LastSession))
		}
		return t.write(newScreen(c.out))
	})
}

// stateOf returns the state of a server in a word.
func stateOf(s lbadmin.Server) string {
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

func stateColour(state string) colour {
	switch state {
	case "up", "open":
		return green
	case "down":
		return red
	case "drain", "full":
		return yellow
	case "maint", "paused":
		return blue
	case "stopped":
		return dim
	default:
		return 0
	}
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
	t := table{columns: []column{
		{title: "SERVER"}, {title: "STATE"}, {title: "SINCE", right: true, rank: 5}, {title: "WEIGHT", right: true, rank: 2}, {title: "SESS", right: true}, {title: "MAXCONN", right: true, rank: 6},
		{title: "QUEUE", right: true, rank: 1}, {title: "RATE", right: true, rank: 3}, {title: "ERRORS", right: true, rank: 4}, {title: "DOWNS", right: true, rank: 7},
		{title: "IN", right: true, rank: 8}, {title: "OUT", right: true, rank: 8}, {title: "CHECK", rank: 9}, {title: "ADDRESS", rank: 10},
	}}
	for _, backend := range slices.Sorted(maps.Keys(all)) {
		servers := all[backend].Servers
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			s := servers[name]
			state := stateOf(s)
			weight := fmt.Sprint(s.Weight)
			if s.Backup {
				weight += " backup"
			}
			t.add(backend+"/"+name, cell{state, stateColour(state)}, age(time.Since(s.Since)), weight, s.Sessions, limitText(s.MaxConn), s.Queue, s.Rate.Now,
				s.ConnectErrors+s.ResponseErrors, s.Downs, bytesText(s.BytesIn), bytesText(s.BytesOut), checkText(s.LastCheck), s.Address)
		}
	}
	return t.write(newScreen(c.out))
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
		t := table{columns: []column{{title: "CONNECTIONS", right: true}, {title: "NAME"}}}
		for _, name := range n.Names {
			t.add(name.Count, name.Name)
		}
		if n.Others > 0 {
			t.add(n.Others, "(others)")
		}
		return t.write(newScreen(c.out))
	})
}

// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// sessionFlags select sessions.
type sessionFlags struct {
	frontend, backend, server, source, name string
	older, idle                             time.Duration
}

func (f *sessionFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.frontend, "frontend", "", "Those of a frontend")
	flags.StringVar(&f.backend, "backend", "", "Those of a backend")
	flags.StringVar(&f.server, "server", "", "Those of a server: BACKEND/SERVER")
	flags.StringVar(&f.source, "source", "", "Those of an address or a network")
	flags.StringVar(&f.name, "name", "", "Those for a server name, or for all names below *.DOMAIN")
	flags.DurationVar(&f.older, "older", 0, "Those that are at least that old")
	flags.DurationVar(&f.idle, "idle", 0, "Those that have been idle for that long")
}

// query returns the parameters of a request.
func (f *sessionFlags) query() (url.Values, error) {
	q := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	backend, server := f.backend, ""
	if f.server != "" {
		if _, err := serverPath(f.server); err != nil {
			return nil, err
		}
		backend, server, _ = strings.Cut(f.server, "/")
	}
	set("frontend", f.frontend)
	set("backend", backend)
	set("server", server)
	set("source", f.source)
	set("name", f.name)
	if f.older != 0 {
		q.Set("older_than", f.older.String())
	}
	if f.idle != 0 {
		q.Set("idle_for", f.idle.String())
	}
	return q, nil
}

func (c *commands) sessionsCommand() *cobra.Command {
	var selected sessionFlags
	var limit int
	cmd := c.command("sessions [ID]", "Lists connections, the oldest first, or shows one", 0, 1, func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return show(cmd.Context(), c, "sessions/"+url.PathEscape(args[0]), func(s lbadmin.Session) error {
				return c.printSessions(lbadmin.Sessions{Sessions: []lbadmin.Session{s}})
			})
		}
		q, err := selected.query()
		if err != nil {
			return err
		}
		q.Set("limit", strconv.Itoa(limit))
		return show(cmd.Context(), c, "sessions?"+q.Encode(), c.printSessions)
	})
	selected.declare(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "The highest number to list; 0: all")
	return cmd
}

func (c *commands) printSessions(list lbadmin.Sessions) error {
	t := texttable.Table{Columns: []texttable.Column{
		{Title: "ID", Right: true},
		{Title: "STAGE", Rank: 2},
		{Title: "CLIENT"},
		{Title: "FRONTEND", Rank: 3},
		{Title: "SERVER"},
		{Title: "AGE", Right: true},
		{Title: "IDLE", Right: true, Rank: 1},
		{Title: "IN", Right: true, Rank: 4},
		{Title: "OUT", Right: true, Rank: 4},
		{Title: "NAME", Rank: 5},
	}}
	for _, s := range list.Sessions {
		server := s.Backend
		if s.Server != "" {
			server += "/" + s.Server
		}
		t.Add(s.ID, s.Stage, s.Client, s.Frontend, server, seconds(s.Age), seconds(s.Idle), texttable.Bytes(s.BytesIn), texttable.Bytes(s.BytesOut), s.Name)
	}
	if err := t.Write(texttable.NewScreen(c.out)); err != nil {
		return err
	}
	if list.Matching != nil && *list.Matching > len(list.Sessions) {
		_, err := fmt.Fprintf(c.err, "%d more: --limit 0 lists all\n", *list.Matching-len(list.Sessions))
		return err
	}
	return nil
}

func seconds(s float64) string { return texttable.Age(time.Duration(s * float64(time.Second))) }

func (c *commands) killCommand() *cobra.Command {
	var selected sessionFlags
	cmd := c.command("kill [ID]", "Ends a connection, or those that the flags select", 0, 1, func(cmd *cobra.Command, args []string) error {
		q, err := selected.query()
		if err != nil {
			return err
		}
		path := "/passthrough/sessions?" + q.Encode()
		switch {
		case len(args) == 1 && len(q) == 0:
			path = "/passthrough/sessions/" + url.PathEscape(args[0])
		case len(args) == 1 || len(q) == 0:
			return usage("expected either the ID of a session, or flags such as --server BACKEND/SERVER")
		}
		text, err := c.endpoint.ask(cmd.Context(), http.MethodDelete, path, nil)
		if err != nil {
			return err
		}
		var e lbadmin.Ended
		if c.json || json.Unmarshal(text, &e) != nil {
			_, err = c.out.Write(text)
			return err
		}
		_, err = fmt.Fprintf(c.out, "%d ended\n", e.Ended)
		return err
	})
	selected.declare(cmd)
	return cmd
}

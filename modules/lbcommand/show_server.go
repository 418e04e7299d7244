// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbtop"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// server shows one server.
func (c *commands) server(cmd *cobra.Command, name string) error {
	path, err := serverPath(name)
	if err != nil {
		return err
	}
	return show(cmd.Context(), c, path, func(s lbadmin.Server) error {
		state := lbtop.StateOf(s)
		t := texttable.Table{Columns: []texttable.Column{{}, {}}}
		t.Add("state", texttable.Painted(fmt.Sprintf("%s since %s", state, texttable.Since(&s.Since)), lbtop.StateColour(state)))
		t.Add("address", s.Address)
		t.Add("health", fmt.Sprintf("%s %s", s.Health, s.Counter))
		t.Add("weight", fmt.Sprintf("%d (configured %d, in effect %.1f)", s.Weight, s.ConfiguredWeight, s.EffectiveWeight))
		t.Add("sessions", fmt.Sprintf("%d (highest %d, limit %s), %d in all, last %s", s.Sessions, s.SessionsMax, texttable.Limit(s.MaxConn), s.SessionsTotal, texttable.Ago(s.LastSession)))
		t.Add("rate", fmt.Sprintf("%d/s (highest %d)", s.Rate.Now, s.Rate.Max))
		t.Add("queue", fmt.Sprintf("%d (highest %d, limit %s)", s.Queue, s.QueueMax, texttable.Limit(s.QueueLimit)))
		t.Add("bytes", fmt.Sprintf("%s in, %s out", texttable.Bytes(s.BytesIn), texttable.Bytes(s.BytesOut)))
		t.Add("errors", fmt.Sprintf("%d to connect, %d in sessions; %d clients and %d servers aborted", s.ConnectErrors, s.ResponseErrors, s.ClientAborts, s.ServerAborts))
		t.Add("retries", fmt.Sprintf("%d, %d redispatches", s.Retries, s.Redispatches))
		t.Add("times", fmt.Sprintf("queue %s, connect %s, total %s", timeText(s.Times.Queue), timeText(s.Times.Connect), timeText(s.Times.Total)))
		t.Add("downs", fmt.Sprintf("%d, for %.0f s", s.Downs, s.DownSeconds))
		t.Add("checks", fmt.Sprintf("%d passed, %d failed", s.Checks.Passed, s.Checks.Failed))
		if k := s.LastCheck; k != nil {
			t.Add("last check", strings.TrimSpace(fmt.Sprintf("%s (%s) in %.1f ms, %s %s", k.Code, k.Reason, k.Duration*1000, texttable.Ago(&k.At), k.Info)))
		}
		return t.WriteRows(texttable.NewScreen(c.out))
	})
}

func timeText(t lbadmin.Time) string {
	return fmt.Sprintf("%.1f ms (highest %.1f)", t.Average*1000, t.Max*1000)
}

func (c *commands) tables(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return show(cmd.Context(), c, "tables/"+url.PathEscape(args[0]), c.printEntries)
	}
	return show(cmd.Context(), c, "tables", func(all map[string]lbadmin.Table) error {
		t := texttable.Table{Columns: []texttable.Column{{Title: "TABLE"}, {Title: "TYPE"}, {Title: "USED", Right: true}, {Title: "SIZE", Right: true}, {Title: "EXPIRE", Right: true, Rank: 2}, {Title: "STORE", Rank: 1}, {Title: "SHARED", Rank: 1}}}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			e := all[name]
			shared := "-"
			if e.Share != nil {
				shared = e.Share.Store + " " + e.Share.State
			}
			t.Add(name, e.Type, e.Used, e.Size, fmt.Sprintf("%.0fs", e.Expire), strings.Join(e.Store, " "), shared)
		}
		return t.Write(texttable.NewScreen(c.out))
	})
}

func (c *commands) printEntries(all []stick.Entry) error {
	t := texttable.Table{Columns: []texttable.Column{{Title: "KEY"}, {Title: "EXPIRES", Right: true}, {Title: "SERVER"}, {Title: "DATA"}}}
	for _, e := range all {
		expires := "-"
		if e.Expires != nil {
			expires = fmt.Sprintf("%.0fs", *e.Expires)
		}
		var data []string
		for _, name := range slices.Sorted(maps.Keys(e.Data)) {
			data = append(data, fmt.Sprintf("%s=%d", name, e.Data[name]))
		}
		t.Add(e.Key, expires, e.Server, strings.Join(data, " "))
	}
	return t.Write(texttable.NewScreen(c.out))
}

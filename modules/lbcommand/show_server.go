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
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// server shows one server.
func (c *commands) server(cmd *cobra.Command, name string) error {
	path, err := serverPath(name)
	if err != nil {
		return err
	}
	return show(cmd.Context(), c, path, func(s lbadmin.Server) error {
		state := stateOf(s)
		t := table{columns: []column{{}, {}}}
		t.add("state", cell{fmt.Sprintf("%s since %s", state, sinceText(&s.Since)), stateColour(state)})
		t.add("address", s.Address)
		t.add("health", fmt.Sprintf("%s %s", s.Health, s.Counter))
		t.add("weight", fmt.Sprintf("%d (configured %d, in effect %.1f)", s.Weight, s.ConfiguredWeight, s.EffectiveWeight))
		t.add("sessions", fmt.Sprintf("%d (highest %d, limit %s), %d in all, last %s", s.Sessions, s.SessionsMax, limitText(s.MaxConn), s.SessionsTotal, agoText(s.LastSession)))
		t.add("rate", fmt.Sprintf("%d/s (highest %d)", s.Rate.Now, s.Rate.Max))
		t.add("queue", fmt.Sprintf("%d (highest %d, limit %s)", s.Queue, s.QueueMax, limitText(s.QueueLimit)))
		t.add("bytes", fmt.Sprintf("%s in, %s out", bytesText(s.BytesIn), bytesText(s.BytesOut)))
		t.add("errors", fmt.Sprintf("%d to connect, %d in sessions; %d clients and %d servers aborted", s.ConnectErrors, s.ResponseErrors, s.ClientAborts, s.ServerAborts))
		t.add("retries", fmt.Sprintf("%d, %d redispatches", s.Retries, s.Redispatches))
		t.add("times", fmt.Sprintf("queue %s, connect %s, total %s", timeText(s.Times.Queue), timeText(s.Times.Connect), timeText(s.Times.Total)))
		t.add("downs", fmt.Sprintf("%d, for %.0f s", s.Downs, s.DownSeconds))
		t.add("checks", fmt.Sprintf("%d passed, %d failed", s.Checks.Passed, s.Checks.Failed))
		if k := s.LastCheck; k != nil {
			t.add("last check", strings.TrimSpace(fmt.Sprintf("%s (%s) in %.1f ms, %s %s", k.Code, k.Reason, k.Duration*1000, agoText(&k.At), k.Info)))
		}
		return t.writeRows(newScreen(c.out))
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
		t := table{columns: []column{{title: "TABLE"}, {title: "TYPE"}, {title: "USED", right: true}, {title: "SIZE", right: true}, {title: "EXPIRE", right: true, rank: 2}, {title: "STORE", rank: 1}}}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			e := all[name]
			t.add(name, e.Type, e.Used, e.Size, fmt.Sprintf("%.0fs", e.Expire), strings.Join(e.Store, " "))
		}
		return t.write(newScreen(c.out))
	})
}

func (c *commands) printEntries(all []stick.Entry) error {
	t := table{columns: []column{{title: "KEY"}, {title: "EXPIRES", right: true}, {title: "SERVER"}, {title: "DATA"}}}
	for _, e := range all {
		expires := "-"
		if e.Expires != nil {
			expires = fmt.Sprintf("%.0fs", *e.Expires)
		}
		var data []string
		for _, name := range slices.Sorted(maps.Keys(e.Data)) {
			data = append(data, fmt.Sprintf("%s=%d", name, e.Data[name]))
		}
		t.add(e.Key, expires, e.Server, strings.Join(data, " "))
	}
	return t.write(newScreen(c.out))
}

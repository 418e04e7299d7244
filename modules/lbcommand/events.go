// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbtop"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

func (c *commands) eventsCommand() *cobra.Command {
	var follow bool
	var limit int
	cmd := c.command("events", "Lists the last changes of state", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if follow {
			return c.follow(cmd)
		}
		return show(cmd.Context(), c, fmt.Sprintf("events?limit=%d", limit), func(all []events.Event) error {
			t := texttable.Table{Columns: []texttable.Column{{Title: "TIME"}, {Title: "EVENT"}, {Title: "BY", Rank: 1}}}
			for _, e := range all {
				t.Add(e.At.Local().Format(time.DateTime), texttable.Painted(e.Text, lbtop.EventColour(e.Kind)), e.By)
			}
			return t.Write(texttable.NewScreen(c.out))
		})
	})
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "Print the last ten events, and further ones as they happen")
	cmd.Flags().IntVar(&limit, "limit", 100, "The highest number to list; 0: all")
	return cmd
}

// follow prints the last ten events, and further ones as they happen, also after reloads.
func (c *commands) follow(cmd *cobra.Command) error {
	last, err := get[[]events.Event](cmd.Context(), &c.endpoint, "events?limit=10")
	if err != nil {
		return err
	}
	var since uint64
	for _, e := range last {
		since = e.Number
		if err := c.printEvent(e); err != nil {
			return err
		}
	}
	for {
		answer, err := c.endpoint.open(cmd.Context(), http.MethodGet, fmt.Sprintf("/passthrough/events?follow=1&since=%d", since), nil, nil)
		if err != nil {
			return err
		}
		lines := json.NewDecoder(answer)
		for {
			var e events.Event
			if lines.Decode(&e) != nil {
				break // a reload
			}
			since = e.Number
			if err := c.printEvent(e); err != nil {
				return err
			}
		}
		_ = answer.Close()
		time.Sleep(pollEvery) // the new configuration's admin endpoint is opening
	}
}

// printEvent prints an event in a line.
func (c *commands) printEvent(e events.Event) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(e)
	}
	_, err := fmt.Fprintln(c.out, e.At.Local().Format(time.DateTime)+"  "+texttable.NewScreen(c.out).Paint(printable.Message(e.Text), lbtop.EventColour(e.Kind)))
	return err
}

func (c *commands) errors(cmd *cobra.Command, _ []string) error {
	return show(cmd.Context(), c, "errors", func(all lbadmin.Errors) error {
		t := texttable.Table{Columns: []texttable.Column{{Title: "TIME"}, {Title: "FROM"}, {Title: "CLIENT"}, {Title: "REASON"}, {Title: "AT", Right: true}, {Title: "FIRST BYTES", Rank: 1}}}
		for _, e := range all.Errors {
			from := "frontend " + e.Frontend
			if e.Backend != "" {
				from = "server " + e.Backend + "/" + e.Server
			}
			const most = 24
			t.Add(e.At.Local().Format(time.DateTime), from, e.Client, e.Reason, e.Position, printable.Text(string(e.Bytes[:min(most, len(e.Bytes))])))
		}
		return t.Write(texttable.NewScreen(c.out))
	})
}

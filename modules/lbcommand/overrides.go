// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

func (c *commands) overridesCommand() *cobra.Command {
	var drop string
	cmd := c.command("overrides", "Lists the values that were set at run time, or drops them", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if drop != "" {
			return c.dropOverrides(cmd, drop)
		}
		return show(cmd.Context(), c, "overrides", func(all []lbadmin.Override) error {
			t := texttable.Table{Columns: []texttable.Column{
				{Title: "OF"}, {Title: "VALUE"}, {Title: "NOW"}, {Title: "CONFIGURED"}, {Title: "BY", Rank: 2}, {Title: "SINCE", Right: true, Rank: 1},
			}}
			for _, o := range all {
				of := "process"
				switch {
				case o.Frontend != "":
					of = "frontend " + o.Frontend
				case o.File != "":
					of = o.File
				case o.Backend != "":
					of = o.Backend + "/" + o.Server
				}
				t.Add(of, o.Key, o.Value, o.Configured, o.By, texttable.Age(time.Since(o.At)))
			}
			return t.Write(texttable.NewScreen(c.out))
		})
	})
	cmd.Flags().StringVar(&drop, "drop", "", "Return the values of BACKEND/SERVER, of frontend:NAME, of process or of all to the configuration")
	return cmd
}

func (c *commands) dropOverrides(cmd *cobra.Command, of string) error {
	q := make(url.Values)
	name, isFrontend := strings.CutPrefix(of, "frontend:")
	backend, server, isServer := strings.Cut(of, "/")
	switch {
	case of == "all" || of == "process":
		q.Set(of, "1")
	case isFrontend:
		q.Set("frontend", name)
	case isServer:
		q.Set("backend", backend)
		q.Set("server", server)
	default:
		return usage("--drop %q: expected BACKEND/SERVER, frontend:NAME, process or all", of)
	}
	text, err := c.endpoint.ask(cmd.Context(), http.MethodDelete, "/passthrough/overrides?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	var d lbadmin.Dropped
	if c.json || json.Unmarshal(text, &d) != nil {
		_, err = c.out.Write(text)
		return err
	}
	_, err = fmt.Fprintf(c.out, "%d dropped\n", d.Dropped)
	return err
}

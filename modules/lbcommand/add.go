// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// addCommands returns the commands that add and remove servers, and reset counters.
func (c *commands) addCommands() []*cobra.Command {
	var options string
	add := c.command("add BACKEND/SERVER ADDRESS", "Adds a server, which begins in maintenance", 2, 2, func(cmd *cobra.Command, args []string) error {
		if _, err := serverPath(args[0]); err != nil {
			return err
		}
		backend, server, _ := strings.Cut(args[0], "/")
		body := make(map[string]any)
		if err := json.Unmarshal([]byte(options), &body); err != nil {
			return usage("--options: %v: expected an object such as {\"weight\": 2}", err)
		}
		body["name"], body["address"] = server, args[1]
		return c.send(cmd, http.MethodPost, backendPath(backend)+"/servers", body)
	})
	add.Flags().StringVar(&options, "options", "{}", "Further options in JSON, as in the configuration")
	remove := c.command("remove BACKEND/SERVER", "Removes a server that is in maintenance and has no connections", 1, 1, func(cmd *cobra.Command, args []string) error {
		path, err := serverPath(args[0])
		if err != nil {
			return err
		}
		return c.send(cmd, http.MethodDelete, path, nil)
	})
	remove.ValidArgsFunction = c.completeServers
	var all bool
	reset := c.command("reset-counters", "Resets the highest numbers, or all counters", 0, 0, func(cmd *cobra.Command, _ []string) error {
		path := "counters/reset"
		if all {
			path += "?all=1"
		}
		return c.send(cmd, http.MethodPost, path, nil)
	})
	reset.Flags().BoolVar(&all, "all", false, "Reset all counters")
	return []*cobra.Command{add, remove, reset}
}

// send sends a request to a path below /passthrough/, and prints the answer only as JSON.
func (c *commands) send(cmd *cobra.Command, method, path string, body any) error {
	text, err := c.endpoint.ask(cmd.Context(), method, "/passthrough/"+path, body)
	if err != nil || !c.json {
		return err
	}
	_, err = c.out.Write(text)
	return err
}

// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// configCommands returns the commands about configurations.
func (c *commands) configCommands() []*cobra.Command {
	return []*cobra.Command{
		c.command("check-config", "Validates a configuration, and shows what it would change", 0, 0, func(cmd *cobra.Command, _ []string) error {
			_, err := c.check(cmd)
			return err
		}),
		c.command("reload", "Validates a configuration, shows what it changes, and loads it", 0, 0, c.reload),
	}
}

// config is a configuration in Caddy's JSON.
type config struct {
	json          []byte
	file, adapter string
}

// check validates the configuration of the flags, and prints how it differs from the one that runs.
func (c *commands) check(cmd *cobra.Command) (next config, err error) {
	next.json, next.file, next.adapter, err = caddycmd.LoadConfig(c.endpoint.config, c.endpoint.adapter)
	if err != nil {
		return next, err
	}
	if next.file == "" {
		return next, usage("no configuration: expected --config FILE, or a Caddyfile in this directory")
	}
	c.endpoint.config, c.endpoint.adapter = next.file, next.adapter
	var parsed caddy.Config
	if err := json.Unmarshal(next.json, &parsed); err != nil {
		return next, fmt.Errorf("decoding the configuration: %w", err)
	}
	if err := caddy.Validate(&parsed); err != nil {
		return next, &exit{exitFailed, err.Error()}
	}
	running, err := c.endpoint.ask(cmd.Context(), http.MethodGet, "/config/", nil)
	if err != nil {
		return next, err
	}
	changes, err := compare(running, next.json)
	if err != nil {
		return next, err
	}
	return next, c.printChanges(changes)
}

func (c *commands) reload(cmd *cobra.Command, _ []string) error {
	next, err := c.check(cmd)
	if err != nil {
		return err
	}
	headers := http.Header{"Caddy-Config-Source-File": {next.file}, "Caddy-Config-Source-Adapter": {next.adapter}}
	answer, err := c.endpoint.open(cmd.Context(), http.MethodPost, "/load", next.json, headers)
	if err != nil {
		return err
	}
	return answer.Close()
}

// printChanges prints changes, one in a line.
func (c *commands) printChanges(all []change) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(all)
	}
	s := texttable.NewScreen(c.out)
	if len(all) == 0 {
		_, err := fmt.Fprintln(s, "nothing changes")
		return err
	}
	for _, v := range all {
		if _, err := fmt.Fprintln(s, s.Paint(v.String(), changeColours[v.Change])); err != nil {
			return err
		}
	}
	return nil
}

var changeColours = map[string]texttable.Colour{added: texttable.Green, removed: texttable.Red, changed: texttable.Yellow}

// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
)

// changeCommands returns the commands that change servers and connections, or wait for them.
func (c *commands) changeCommands() []*cobra.Command {
	set := c.command("set BACKEND/SERVER KEY VALUE", "Changes a value of a server", 3, 3, c.set)
	set.Long = "Changes a value of a server: " + settable() + "."
	set.ValidArgsFunction = c.completeSet
	all := []*cobra.Command{set, c.waitCommand(), c.killCommand(), c.overridesCommand()}
	for _, s := range []struct{ state, short string }{
		{"ready", "Gives a server connections again"},
		{"drain", "Gives a server no new connections; its sessions go on"},
		{"maint", "Gives a server no connections and no checks; its sessions go on"},
	} {
		all = append(all, c.stateCommand(s.state, s.short))
	}
	return all
}

// settings are the values of a server that set changes, and how to parse them.
var settings = map[string]func(key, text string) (any, error){
	"admin": asText, "weight": asText, "maxconn": asNumber, "health": asText, "agent": asText, "address": asText, "port": asNumber,
	"check_address": asText, "check_port": asNumber, "agent_address": asText, "agent_port": asNumber, "agent_send": asText, "checks": asSwitch, "agent_checks": asSwitch,
}

func asText(_, text string) (any, error) { return text, nil }

func asNumber(key, text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, usage("%s %q: expected a number", key, text)
	}
	return n, nil
}

func asSwitch(key, text string) (any, error) {
	if text != "on" && text != "off" {
		return nil, usage("%s %q: expected on or off", key, text)
	}
	return text == "on", nil
}

func settable() string { return strings.Join(slices.Sorted(maps.Keys(settings)), ", ") }

func (c *commands) set(cmd *cobra.Command, args []string) error {
	key := args[1]
	parse := settings[key]
	if parse == nil {
		return usage("key %q: expected %s", key, settable())
	}
	value, err := parse(key, args[2])
	if err != nil {
		return err
	}
	return c.change(cmd, args[0], map[string]any{key: value})
}

// change changes a server.
func (c *commands) change(cmd *cobra.Command, server string, body map[string]any) error {
	path, err := serverPath(server)
	if err != nil {
		return err
	}
	return c.send(cmd, http.MethodPatch, path, body)
}

// stateCommand makes the command that sets an administrative state.
func (c *commands) stateCommand(state, short string) *cobra.Command {
	var wait bool
	var timeout time.Duration
	cmd := c.command(state+" BACKEND/SERVER", short, 1, 1, func(cmd *cobra.Command, args []string) error {
		if err := c.change(cmd, args[0], map[string]any{"admin": state}); err != nil || !wait {
			return err
		}
		return c.until(cmd.Context(), timeout, func(ctx context.Context) (bool, string, error) { return c.isSettled(ctx, args[0], state) })
	})
	cmd.ValidArgsFunction = c.completeServers
	waits := "Wait until the server has no sessions"
	if state == "ready" {
		waits = "Wait until the server is up"
	}
	cmd.Flags().BoolVar(&wait, "wait", false, waits)
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "The longest time to wait; 0: no limit")
	return cmd
}

// isSettled reports whether a server is up, for ready; or else has no sessions. The text says what
// it waits for.
func (c *commands) isSettled(ctx context.Context, server, state string) (bool, string, error) {
	path, err := serverPath(server)
	if err != nil {
		return false, "", err
	}
	s, err := get[lbadmin.Server](ctx, &c.endpoint, path)
	if state == "ready" {
		return s.Health == "up", server + " is " + s.Health + " " + s.Counter, err
	}
	return s.Sessions == 0, fmt.Sprintf("%s has %d sessions left", server, s.Sessions), err
}

func (c *commands) waitCommand() *cobra.Command {
	var timeout time.Duration
	cmd := c.command("wait up BACKEND", "Waits until a backend has a usable server", 2, 2, func(cmd *cobra.Command, args []string) error {
		if args[0] != "up" {
			return usage("wait %s: expected wait up BACKEND", args[0])
		}
		return c.until(cmd.Context(), timeout, func(ctx context.Context) (bool, string, error) {
			b, err := get[lbadmin.Backend](ctx, &c.endpoint, backendPath(args[1]))
			return b.ActiveServers+b.BackupServers > 0, fmt.Sprintf("backend %s has no usable server", args[1]), err
		})
	})
	cmd.ValidArgsFunction = c.completeBackends
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "The longest time to wait; 0: no limit")
	return cmd
}

const (
	// pollEvery is the time between two requests of a command that waits. Caddy logs each.
	pollEvery = 500 * time.Millisecond
	// repeatEvery is the time after which the same text is printed again.
	repeatEvery = 10 * time.Second
)

// until waits until a state is reached, and prints each new text about its progress.
func (c *commands) until(ctx context.Context, timeout time.Duration, reached func(context.Context) (bool, string, error)) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var printed string
	var at time.Time
	for {
		done, text, err := reached(context.WithoutCancel(ctx))
		if err != nil || done {
			return err
		}
		if text != printed || time.Since(at) > repeatEvery {
			_, _ = fmt.Fprintln(c.err, text)
			printed, at = text, time.Now()
		}
		select {
		case <-ctx.Done():
			return &exit{exitNotYet, fmt.Sprintf("after %v: %s", timeout, text)}
		case <-tick.C:
		}
	}
}

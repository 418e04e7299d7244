// SPDX-License-Identifier: Apache-2.0

// Package lbcommand is the command caddy passthrough: it shows and changes a running load balancer
// from a shell. It talks to the admin endpoint only (package lbadmin), so that it works for any
// process that this user may ask.
package lbcommand

import (
	"errors"
	"fmt"
	"io"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "passthrough",
		Usage: "COMMAND",
		Short: "Shows and changes a running load balancer",
		Long: `
Shows and changes the load balancer of a running process, by its admin endpoint:
that of --address, or of the configuration --config, or localhost:2019.

With --json, commands print the answer of the admin endpoint, as described in
docs/openapi.yaml. Otherwise they print tables, as wide as the terminal allows, and
with colours unless NO_COLOR is set.

Exit codes:
  0  done
  1  failed: the admin endpoint cannot be reached, or reported an internal error
  2  wrong arguments: an unknown command, name or value, or the state does not
     allow the change
  3  not so: a backend is down or the process is stopping (status), or the state that
     --wait or wait waits for was not reached in time`,
		CobraFunc: func(cmd *cobra.Command) {
			newCommand(cmd, os.Stdout, os.Stderr)
		},
	})
}

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitNotYet  = 3
	exitSuccess = 0
)

// exit is an error with an exit code. The text may be empty.
type exit struct {
	code int
	text string
}

func (e *exit) Error() string { return e.text }

// usage returns an error for wrong arguments.
func usage(format string, args ...any) error { return &exit{exitUsage, fmt.Sprintf(format, args...)} }

// commands holds what all commands share.
type commands struct {
	endpoint endpoint
	json     bool
	out, err io.Writer
}

// newCommand adds the commands to cmd.
func newCommand(cmd *cobra.Command, out, err io.Writer) {
	c := &commands{out: out, err: err}
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.endpoint.address, "address", "", "The address of the admin endpoint: HOST:PORT or unix//PATH")
	flags.StringVarP(&c.endpoint.config, "config", "c", "", "The configuration to take that address from")
	flags.StringVarP(&c.endpoint.adapter, "adapter", "a", "", "The adapter of that configuration")
	flags.BoolVar(&c.json, "json", false, "Print JSON")
	cmd.RunE = c.run(func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("command %q: not known; caddy help passthrough lists the commands", args[0])
		}
		return usage("expected a command; caddy help passthrough lists them")
	})
	cmd.AddCommand(c.showCommands()...)
	cmd.AddCommand(c.changeCommands()...)
	cmd.AddCommand(c.addCommands()...)
	cmd.AddCommand(c.configCommands()...)
}

// run makes a function of cobra of f, with the exit code of its error.
func (c *commands) run(f func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceErrors = true
		err := f(cmd, args)
		if err == nil {
			return nil
		}
		code := exitFailed
		if e, ok := errors.AsType[*exit](err); ok {
			code = e.code
		}
		if text := err.Error(); text != "" {
			_, _ = fmt.Fprintf(c.err, "caddy passthrough: %s\n", text)
		}
		if code == exitFailed {
			return err
		}
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, args)
	}
}

// command makes a command whose number of arguments is from fewest to most.
func (c *commands) command(use, short string, fewest, most int, run func(*cobra.Command, []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, RunE: c.run(func(cmd *cobra.Command, args []string) error {
		if len(args) < fewest || len(args) > most {
			return usage("%d arguments: expected caddy passthrough %s", len(args), use)
		}
		return run(cmd, args)
	})}
}

// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "passthrough-sessions",
		Usage: "[--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Prints how many connections the load balancer has",
		Long: `
Asks the admin endpoint of a running process, and prints its answer: how many
connections there are, whether the process is stopping, and if so for how many
seconds it will wait for them.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Flags().StringP("address", "", "", "The address of the admin endpoint, if it is not the default one")
			cmd.Flags().StringP("config", "c", "", "The configuration to take that address from")
			cmd.Flags().StringP("adapter", "a", "", "The adapter of that configuration")
			cmd.RunE = caddycmd.WrapCommandFuncForCobra(printSessions)
			// Caddy offers no other way to change its own commands.
			cobra.OnInitialize(func() {
				reportWhileStopping(cmd.Root())
				reportConfigErrors(cmd.Root())
			})
		},
	})
}

func printSessions(flags caddycmd.Flags) (int, error) {
	s, err := askSessions(flags)
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	return caddy.ExitCodeSuccess, json.NewEncoder(os.Stdout).Encode(s)
}

// askSessions requests the sessions of the process that the flags select.
func askSessions(flags caddycmd.Flags) (s Sessions, err error) {
	address, err := caddycmd.DetermineAdminAPIAddress(flags.String("address"), nil, flags.String("config"), flags.String("adapter"))
	if err != nil {
		return s, fmt.Errorf("finding the admin endpoint: %w", err)
	}
	answer, err := caddycmd.AdminAPIRequest(address, http.MethodGet, sessionsPath, nil, nil)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	return s, nil
}

// reportWhileStopping makes caddy stop print what it waits for.
func reportWhileStopping(root *cobra.Command) {
	stop, _, err := root.Find([]string{"stop"})
	if err != nil || stop.RunE == nil || stop == root {
		return
	}
	run := stop.RunE
	stop.RunE = func(cmd *cobra.Command, args []string) error {
		var following sync.WaitGroup
		over := make(chan struct{})
		following.Go(func() {
			reportProgress(os.Stderr, over, func() (Sessions, error) { return askSessions(caddycmd.Flags{FlagSet: cmd.Flags()}) })
		})
		defer following.Wait()
		defer close(over)
		return run(cmd, args)
	}
}

const (
	// askEvery is the time between two requests to a stopping process. Caddy logs each request to its
	// admin endpoint.
	askEvery = time.Second
	// repeatEvery is the time after which the same number is printed again.
	repeatEvery = 5 * time.Second
)

// reportProgress prints the number of connections that a stopping process waits for, until it no
// longer answers or the command is over.
func reportProgress(to io.Writer, over <-chan struct{}, ask func() (Sessions, error)) {
	var told int
	var at time.Time
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		s, err := ask()
		if err != nil {
			return // caddy stop reports the error, or is done
		}
		if !s.Stopping || s.Count == 0 || s.Count == told && time.Since(at) < repeatEvery {
			continue
		}
		told, at = s.Count, time.Now()
		left := ""
		if s.SecondsLeft != nil {
			left = fmt.Sprintf(", for at most %.0f s", *s.SecondsLeft)
		}
		_, _ = fmt.Fprintf(to, "waiting for %d connections to finish%s\n", s.Count, left)
	}
}

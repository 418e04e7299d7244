// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbtop"
)

func (c *commands) top(cmd *cobra.Command, _ []string) error {
	for _, f := range []*os.File{os.Stdin, os.Stdout} {
		if !term.IsTerminal(int(f.Fd())) {
			return usage("%s is not a terminal: top needs one; status, servers and others print tables and JSON", f.Name())
		}
	}
	// Without an answer, the error belongs below the command, not into the view.
	if _, err := get[lbadmin.Overview](cmd.Context(), &c.endpoint, "overview"); err != nil {
		return err
	}
	return lbtop.Run(cmd.Context(), &source{&c.endpoint}, os.Stdin, os.Stdout)
}

// source is the source of lbtop.
type source struct{ endpoint *endpoint }

// shownSessions is the highest number of sessions that the view shows.
const shownSessions = 200

// Load implements lbtop.Source.
func (s *source) Load(ctx context.Context, v lbtop.View) (state lbtop.State, err error) {
	state.At = time.Now()
	if state.Overview, err = get[lbadmin.Overview](ctx, s.endpoint, "overview"); err != nil {
		return state, err
	}
	switch v {
	case lbtop.Frontends:
		state.Frontends, err = get[map[string]lbadmin.Frontend](ctx, s.endpoint, "frontends")
	case lbtop.Sessions:
		state.Sessions, err = get[lbadmin.Sessions](ctx, s.endpoint, fmt.Sprintf("sessions?limit=%d", shownSessions))
	case lbtop.Names:
		state.Names, err = get[lbadmin.Names](ctx, s.endpoint, "names")
	case lbtop.Events:
		state.Events, err = get[[]events.Event](ctx, s.endpoint, "events?limit=200")
	default:
		state.Backends, err = get[lbadmin.Backends](ctx, s.endpoint, "backends")
	}
	return state, err
}

// Kill implements lbtop.Source.
func (s *source) Kill(ctx context.Context, id uint64) error {
	_, err := s.endpoint.ask(ctx, http.MethodDelete, fmt.Sprintf("/passthrough/sessions/%d", id), nil)
	return err
}

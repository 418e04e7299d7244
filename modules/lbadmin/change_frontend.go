// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// FrontendChange is the body of a PATCH of a frontend. At least one field must be set.
type FrontendChange struct {
	// State is open, disabled (clients wait in the kernel's queue) or stopped (the listeners close
	// until the next reload).
	State string `json:"state,omitempty"`
	// MaxConn is the maximum number of connections, SessionRateLimit that of sessions in a second; 0:
	// no limit.
	MaxConn          *int `json:"maxconn,omitempty"`
	SessionRateLimit *int `json:"session_rate_limit,omitempty"`
}

// changeFrontend changes a frontend, and answers with its state.
func changeFrontend(r *request) (any, error) {
	says, err := decode[FrontendChange](r, `{"state": "disabled"}, with state, maxconn or session_rate_limit`)
	if err != nil {
		return nil, err
	}
	c := control.FrontendChange{MaxConn: says.MaxConn, SessionRate: says.SessionRateLimit}
	switch says.State {
	case "", "stopped":
	case "open", "disabled":
		c.Enabled = new(says.State == "open")
	default:
		return nil, invalid("state %q: expected open, disabled or stopped", says.State)
	}
	switch {
	case says == (FrontendChange{}):
		return nil, invalid("nothing to change: expected state, maxconn or session_rate_limit")
	case says.State == "stopped" && c != (control.FrontendChange{}):
		return nil, invalid("state stopped: expected no other change with it")
	case says.State == "stopped":
		err = control.ShutdownFrontend(control.ByAdmin, r.names[0])
	default:
		_, err = control.ChangeFrontend(control.ByAdmin, r.names[0], c)
	}
	if err != nil {
		return nil, err
	}
	return showFrontend(r)
}

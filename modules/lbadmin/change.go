// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Change is the body of a PATCH of a server. At least one field must be set.
type Change struct {
	// Admin is ready, drain (no new connections; health checks go on) or maint (no connections, no
	// checks).
	Admin string `json:"admin,omitempty"`
	// Weight is a number from 0 to 256, or a percentage of the configured weight: "50%".
	Weight *weight `json:"weight,omitempty"`
	// MaxConn is the maximum number of connections; 0: no limit.
	MaxConn *int `json:"maxconn,omitempty"`
	// Health is up, stopping (no new connections) or down, until checks find otherwise.
	Health string `json:"health,omitempty"`
	// Agent is up or down, until the agent's next report.
	Agent string `json:"agent,omitempty"`
}

// weight is a number or a string.
type weight string

func (w *weight) UnmarshalJSON(b []byte) error {
	var n int
	if json.Unmarshal(b, &n) == nil {
		*w = weight(strconv.Itoa(n))
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" {
		return fmt.Errorf("weight %s: expected a number from 0 to %d, or a percentage such as \"50%%\"", b, pool.MaxWeight)
	}
	*w = weight(text)
	return nil
}

var adminStates = map[string]pool.Admin{"ready": pool.Ready, "drain": pool.Drain, "maint": pool.Maint}

// changeServer changes a server, and answers with its state.
func changeServer(r *request) (any, error) {
	says, err := decode[Change](r, `{"admin": "drain"}, with admin, weight, maxconn, health or agent`)
	if err != nil {
		return nil, err
	}
	c, err := says.change()
	if err != nil {
		return nil, err
	}
	if _, err := control.ChangeServer(control.ByAdmin, r.names[0], r.names[1], c); err != nil {
		return nil, err
	}
	return showServer(r)
}

func (says Change) change() (c control.ServerChange, err error) {
	if says == (Change{}) {
		return c, invalid("nothing to change: expected admin, weight, maxconn, health or agent")
	}
	if says.Admin != "" {
		a, ok := adminStates[says.Admin]
		if !ok {
			return c, invalid("admin %q: expected ready, drain or maint", says.Admin)
		}
		c.Admin = &a
	}
	if says.Weight != nil {
		c.Weight = string(*says.Weight)
	}
	c.MaxConn = says.MaxConn
	if c.Health, err = healthState("health", says.Health, "up", "stopping", "down"); err != nil {
		return c, err
	}
	c.Agent, err = healthState("agent", says.Agent, "up", "down")
	return c, err
}

var healthStates = map[string]pool.Health{"up": pool.HealthUp, "stopping": pool.HealthStopping, "down": pool.HealthDown}

// healthState returns the state of a word, which must be one of those allowed; nil if it is empty.
func healthState(field, word string, allowed ...string) (*pool.Health, error) {
	if word == "" {
		return nil, nil
	}
	if !slices.Contains(allowed, word) {
		return nil, invalid("%s %q: expected %s", field, word, oneOf(allowed))
	}
	return new(healthStates[word]), nil
}

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
	// Address is the new address, HOST:PORT or a host alone, whose port stays; Port the new port. New
	// connections and checks go there.
	Address string `json:"address,omitempty"`
	Port    *int   `json:"port,omitempty"`
	// CheckAddress and CheckPort are the address and the port that checks connect to, AgentAddress and
	// AgentPort those of the agent, and AgentSend is a text for the agent.
	CheckAddress string  `json:"check_address,omitempty"`
	CheckPort    *int    `json:"check_port,omitempty"`
	AgentAddress string  `json:"agent_address,omitempty"`
	AgentPort    *int    `json:"agent_port,omitempty"`
	AgentSend    *string `json:"agent_send,omitempty"`
	// Checks and AgentChecks say whether the server is checked, and whether its agent is asked.
	Checks      *bool `json:"checks,omitempty"`
	AgentChecks *bool `json:"agent_checks,omitempty"`
}

// changeFields are the names of the fields of Change.
var changeFields = []string{
	"admin", "weight", "maxconn", "health", "agent", "address", "port", "check_address", "check_port", "agent_address", "agent_port", "agent_send",
	"checks", "agent_checks",
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
	says, err := decode[Change](r, `{"admin": "drain"}, with `+oneOf(changeFields))
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
		return c, invalid("nothing to change: expected %s", oneOf(changeFields))
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
	c.MaxConn, c.Address, c.Port, c.CheckAddress, c.CheckPort = says.MaxConn, says.Address, says.Port, says.CheckAddress, says.CheckPort
	c.AgentAddress, c.AgentPort, c.AgentSend, c.Checks, c.AgentChecks = says.AgentAddress, says.AgentPort, says.AgentSend, says.Checks, says.AgentChecks
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

// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// maxBody is the maximum length of a request body.
const maxBody = 4 << 10

// Change is the body of a PATCH of a server. At least one field must be set.
type Change struct {
	// Admin is ready, drain (no new connections; health checks go on) or maint (no connections, no
	// checks).
	Admin string `json:"admin,omitempty"`
	// Weight is a number from 0 to 256, or a percentage of the configured weight: "50%".
	Weight *weight `json:"weight,omitempty"`
	// MaxConn is the maximum number of connections; 0: no limit.
	MaxConn *int `json:"maxconn,omitempty"`
	// Health is up or down, until the next check.
	Health string `json:"health,omitempty"`
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

// changeServer applies the body of a PATCH to a server.
func changeServer(body io.Reader, backend, server string) error {
	c, err := parseChange(body)
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return apiError(http.StatusRequestEntityTooLarge, fmt.Errorf("reading the body: expected %d bytes at most", maxBody))
	}
	if err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	if _, err := control.ChangeServer(control.ByAdmin, backend, server, c); err != nil {
		return apiError(statusOf(err), err)
	}
	return nil
}

func parseChange(body io.Reader) (c control.ServerChange, err error) {
	var says Change
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&says); err != nil {
		return c, fmt.Errorf("reading the body: %w: expected an object such as {\"admin\": \"drain\"}, with admin, weight, maxconn or health", err)
	}
	switch _, err := decoder.Token(); {
	case errors.Is(err, io.EOF):
	case errors.As(err, new(*http.MaxBytesError)):
		return c, err
	default:
		return c, errors.New("reading the body: expected one object and nothing after it")
	}
	if says == (Change{}) {
		return c, errors.New("nothing to change: expected admin, weight, maxconn or health")
	}
	if says.Admin != "" {
		a, ok := adminStates[says.Admin]
		if !ok {
			return c, fmt.Errorf("admin %q: expected ready, drain or maint", says.Admin)
		}
		c.Admin = &a
	}
	if says.Weight != nil {
		c.Weight = string(*says.Weight)
	}
	c.MaxConn = says.MaxConn
	switch says.Health {
	case "":
	case "up":
		c.Health = new(pool.HealthUp)
	case "down":
		c.Health = new(pool.HealthDown)
	default:
		return c, fmt.Errorf("health %q: expected up or down", says.Health)
	}
	return c, nil
}

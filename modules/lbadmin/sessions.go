// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// Sessions describes the connections of the process.
type Sessions struct {
	// Count is the number of connections, including those that wait for a hello or a server.
	Count int `json:"count"`
	// Stopping reports whether the process is shutting down and waits for them.
	Stopping bool `json:"stopping"`
	// SecondsLeft is the time until they are closed; omitted if the process is not stopping, or waits
	// without a limit.
	SecondsLeft *float64 `json:"seconds_left,omitempty"`
}

func newSessions() Sessions {
	s := Sessions{Count: lifecycle.Connections()}
	var due time.Time
	if s.Stopping, due = lifecycle.ShuttingDown(); !due.IsZero() {
		s.SecondsLeft = new(max(0, time.Until(due).Seconds()))
	}
	return s
}

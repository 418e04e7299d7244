// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// defaultStickCounters is HAProxy's tune.stick-counters by default.
const defaultStickCounters = 3

// Counters returns the number of counters by which a connection can track entries of stick tables.
func (a *App) Counters() int {
	if a.StickCounters == 0 {
		return defaultStickCounters
	}
	return a.StickCounters
}

func (a *App) validateStickCounters() error {
	if a.StickCounters < 0 || a.StickCounters > rules.MaxCounters {
		return fmt.Errorf("stick_counters %d: expected a number from 1 to %d", a.StickCounters, rules.MaxCounters)
	}
	return nil
}

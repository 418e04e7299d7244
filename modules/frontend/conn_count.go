// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// connCount is a number of connections. Counts belong to names: a connection lowers the count that
// it raised, even when its configuration has been replaced.
type connCount struct {
	atomic.Int64
	rate pool.Rate // of sessions that begin
}

// frontendConns and backendConns count connections by the name of their frontend and backend. A
// count lives as long as a configuration or a connection uses it.
var frontendConns, backendConns connCounts

type connCounts struct{ weakRegistry[connCount] }

// load returns the count of a name, 0 if it is unknown.
func (c *connCounts) load(name string) int64 {
	if known := c.lookup(name); known != nil {
		return known.Load()
	}
	return 0
}

// sessionRate returns the number of sessions of a name that have begun in the last second.
func (c *connCounts) sessionRate(name string) int {
	if known := c.lookup(name); known != nil {
		return known.rate.PerSecond(time.Now())
	}
	return 0
}

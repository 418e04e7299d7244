// SPDX-License-Identifier: Apache-2.0

package frontend

import "sync/atomic"

// connCount is how many connections something has. Connections that it has raised it
// lower it, whatever configuration they came by: counts belong to names.
type connCount struct {
	atomic.Int64
	_ [8]byte // the runtime puts small objects without pointers together, and keeps all of them alive
}

// counts are those of the frontends and of the backends, each for as long as a
// configuration or a connection has it.
var frontendConns, backendConns connCounts

type connCounts struct{ weakRegistry[connCount] }

// load returns the count under a name, 0 where there is none.
func (c *connCounts) load(name string) int64 {
	if known := c.lookup(name); known != nil {
		return known.Load()
	}
	return 0
}

// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"time"
)

// ListenOptions say what becomes of the connections of a Listening. The functions are
// called on the goroutine of a shard: they must not wait, since sessions do. No two
// of one Listening are called at the same time.
type ListenOptions struct {
	// Local is the address that it listens on, or nil if that is several.
	Local net.Addr
	// Room is asked before each connection: for how long to leave them in the kernel's
	// queue. Zero is not at all.
	Pause func() (pause time.Duration)
	// Accepted is given each connection. What that one waits for, the same shard
	// watches.
	Accepted func(*Socket)
	// Failed is told that accepting fails. It is tried again after the pause, unless
	// the listening socket is lost. It may be called on other goroutines, too.
	Failed func(error) (pause time.Duration, lost bool)
}

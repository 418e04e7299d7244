// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"time"
)

// ListenOptions say what to do with the connections of a Listening. Its functions are called on the
// goroutine of a shard: they must not wait, since sessions would. No two of one Listening are
// called at the same time.
type ListenOptions struct {
	// Local returns the local address of all connections, or nil if it differs; without the function,
	// it does.
	Local func() net.Addr
	// Pause is called before each accept. It returns how long to leave connections in the kernel's
	// queue; zero: accept now.
	Pause func() (pause time.Duration)
	// Accepted receives each connection. The shard that accepted it also watches it, if anything waits
	// for it.
	Accepted func(*Socket)
	// Failed is called when accepting fails. Accepting is tried again after the pause, unless the
	// listening socket is lost. Failed may also be called on other goroutines.
	Failed func(error) (pause time.Duration, lost bool)
}

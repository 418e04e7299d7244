// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package relay

import (
	"errors"
	"net"
)

// Socket is what the engine makes of a connection on Linux. Other systems have none.
type Socket struct{ net.Conn }

// SetDual notes that the socket has been accepted by a listener for both versions of
// IP.
func (*Socket) SetDual() {}

// OnShard calls f on the goroutine of a shard: these systems have none.
func OnShard(*Socket, func(*Socket)) error { return errors.ErrUnsupported }

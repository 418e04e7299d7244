// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package relay

import (
	"errors"
	"net"
)

// Socket is a connection of the engine, which only Linux has.
type Socket struct{ net.Conn }

// SetDual records that a listener for both versions of IP has accepted the socket.
func (*Socket) SetDual() {}

// OnShard fails: only Linux has shards.
func OnShard(*Socket, func(*Socket)) error { return errors.ErrUnsupported }

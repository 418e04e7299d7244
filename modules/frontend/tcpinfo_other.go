// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package frontend

import (
	"net"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// tcpInfo returns no answer on this system.
func tcpInfo(net.Conn, string) (sample.Value, bool) { return sample.Value{}, false }

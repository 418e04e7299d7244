// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package frontend

import (
	"net"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// silence makes the next Close of c send RST: only Linux can close a connection
// without a word.
func silence(c net.Conn) { relay.Abort(c) }

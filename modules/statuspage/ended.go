// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// untilReload returns a function that reports whether another configuration runs than now, or the
// process stops. Caddy then waits for the requests of its servers, so that streams must end by
// themselves; their readers connect again.
func untilReload() func() bool {
	now, known := lifecycle.Active()
	return func() bool {
		next, ok := lifecycle.Active()
		return caddy.Exiting() || ok != known || ok && next != now
	}
}

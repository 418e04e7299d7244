// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"context"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// replaced returns a function that reports whether the configuration of a context has been
// replaced, or the process stops. Caddy then waits for the requests of the configuration's servers,
// so that streams must end by themselves; its context ends only after that.
func replaced(ctx context.Context) func() bool {
	config, known := lifecycle.ConfigOf(ctx)
	ran := false
	return func() bool {
		if caddy.Exiting() || ctx.Err() != nil {
			return true
		}
		running := known && config.Running()
		ended := ran && !running
		ran = ran || running
		return ended
	}
}

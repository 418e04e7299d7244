// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func init() {
	// Use the current configuration's logger: resolved names belong to the process.
	resolve.Servers.Notify = func(c resolve.Change) { logName(caddy.Log().Named("passthrough"), c) }
}

// logName logs a change of a host name's addresses.
func logName(log *zap.Logger, c resolve.Change) {
	log = log.With(zap.String("host", c.Host), zap.Stringers("addresses", c.After))
	unresolved, _ := errors.AsType[*resolve.Error](c.Err)
	switch {
	case c.Err != nil && len(c.After) == 0:
		log.Error("host name has no addresses", zap.Error(c.Err))
	case unresolved != nil && unresolved.NotFound():
		log.Warn("host name not found in DNS: keeping its addresses for half a minute", zap.Error(c.Err))
	case c.Err != nil:
		log.Warn("resolving a host name failed: keeping its last addresses", zap.Error(c.Err))
	case c.Moved():
		log.Info("addresses of a host name changed", zap.Stringers("before", c.Before))
	default:
		log.Info("host name resolves again")
	}
}

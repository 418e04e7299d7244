// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func init() {
	// The logger is that of the configuration that runs: names are the process's.
	resolve.Servers.Notify = func(c resolve.Change) { logName(caddy.Log().Named("passthrough"), c) }
}

// logName logs what has become of a name of the configuration.
func logName(log *zap.Logger, c resolve.Change) {
	log = log.With(zap.String("host", c.Host), zap.Stringers("addresses", c.After))
	unresolved, _ := errors.AsType[*resolve.Error](c.Err)
	switch {
	case c.Err != nil && len(c.After) == 0:
		log.Error("host name has no addresses", zap.Error(c.Err))
	case unresolved != nil && unresolved.NotFound():
		log.Warn("host name is no longer in the DNS; its addresses are in use for half a minute more", zap.Error(c.Err))
	case c.Err != nil:
		log.Warn("addresses of a host name cannot be renewed; the last ones stay in use", zap.Error(c.Err))
	case c.Moved():
		log.Info("host name has other addresses", zap.Stringers("before", c.Before))
	default:
		log.Info("host name is resolved again")
	}
}

// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func init() {
	// Use the current configuration's logger: resolved names belong to the process.
	resolve.Servers.Notify = func(c resolve.Change) { logName(caddy.Log().Named("passthrough"), c) }
}

// logName logs and remembers a change of a host name's addresses.
func logName(log *zap.Logger, c resolve.Change) {
	log = log.With(zap.String("host", c.Host), zap.Stringers("addresses", c.After))
	unresolved, _ := errors.AsType[*resolve.Error](c.Err)
	kind := events.NameFailed
	var message string
	switch {
	case c.Err != nil && len(c.After) == 0:
		message = "host name has no addresses"
		log.Error(message, zap.Error(c.Err))
	case unresolved != nil && unresolved.NotFound():
		message = "host name not found in DNS: keeping its addresses for a while"
		log.Warn(message, zap.Error(c.Err))
	case c.Err != nil:
		message = "resolving a host name failed: keeping its last addresses"
		log.Warn(message, zap.Error(c.Err))
	case c.Moved():
		kind, message = events.NameChanged, "addresses of a host name changed"
		log.Info(message, zap.Stringers("before", c.Before))
	default:
		kind, message = events.NameChanged, "host name resolves again"
		log.Info(message)
	}
	events.Process.Add(events.Event{Kind: kind, Text: fmt.Sprintf("%s: %s %v", message, c.Host, c.After)})
}

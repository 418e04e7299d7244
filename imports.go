// SPDX-License-Identifier: Apache-2.0

// Package caddypassthrough is what `xcaddy build --with` imports: every Caddy
// module of the project, and those of caddy-l4 that it stands on.
package caddypassthrough

import (
	_ "github.com/mholt/caddy-l4"

	_ "github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/crypthash"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/discovery"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/haproxycfg"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/httpmonitor"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/journal"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/l4rate"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/lbcommand"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/lbmetrics"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/lbsocket"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/listeners"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/redisstore"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/statuspage"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/syslogwriter"
)

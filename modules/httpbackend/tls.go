// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"net"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// anyServer is the key of Handler.TLS for servers that have none of their own.
const anyServer = "*"

// serverName returns the SNI for a request to the server at an address. Placeholders of
// the request are filled in; where the name does not matter, none is sent by default.
func serverName(o *checks.TLS, x *exchange, address string) string {
	if o.ServerName != "" {
		name := x.Placeholders(o.ServerName)
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		return name
	}
	if o.Verify != "" {
		return ""
	}
	_, to := balancer.SplitAddress(address)
	host, _, _ := net.SplitHostPort(to)
	return host
}

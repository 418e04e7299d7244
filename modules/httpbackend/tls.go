// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"net"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// anyServer is the key of Handler.TLS for servers without an entry of their own.
const anyServer = "*"

// serverName returns the SNI for a request to the server at address, with the request's
// placeholders filled in. By default, no SNI is sent if the certificate's name is not verified.
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

// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// advice answers words that are no options of a frontend, though people expect
// them there. What it shares with a backend's block is in balancer.
func advice() options.Advice {
	return make(options.Advice).
		Add("layer4 has the address: layer4 { durable/:443 { route { passthrough { … } } } }", "bind", "listen", "address", "port").
		Add("it is not available yet: put caddy-l4's handler proxy_protocol before passthrough in the route", "accept_proxy", "proxy_protocol").
		Add("TLS is passed through as it is, and servers hold the certificates", "tls", "http", "header", "path").
		Add("it belongs in content, connection or session", content.ActionNames()...).
		Add("it belongs in a rule: use_backend NAME sni www.example.com", content.MatcherNames()...)
}

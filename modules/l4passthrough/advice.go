// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// advice returns hints for words that are not options of a frontend, although users may expect
// them. The hints that also apply to a backend's block are in balancer.
func advice() options.Advice {
	return make(options.Advice).
		Add("layer4 has the address: layer4 { durable/:443 { route { passthrough { … } } } }; to write it here, make this a frontend of the app: passthrough { frontend NAME { bind :443 … } }", "bind", "listen", "address", "port").
		Add("it is not available yet: put caddy-l4's handler proxy_protocol before passthrough in the route", "accept_proxy", "proxy_protocol").
		Add("TLS is passed through as it is, and servers hold the certificates", "tls", "http", "header", "path").
		Add("it belongs in content, connection or session", rules.ActionNames()...).
		Add("it belongs in a rule: use_backend NAME sni www.example.com", rules.MatcherNames()...)
}

// listeningAdvice returns hints for words that only frontends of layer4 servers have, or that
// others use for bind.
func listeningAdvice() options.Advice {
	return make(options.Advice).
		Add("the name follows the word frontend", "name").
		Add("bind has the address: bind :443", "listen", "address", "port", "listener")
}

// bindAdvice returns hints for words that are not options of a bind.
func bindAdvice() options.Advice {
	return make(options.Advice).
		Add("it is not available yet", "accept_proxy", "proxy_protocol").
		Add("TLS is passed through as it is, and servers hold the certificates", "tls", "ssl", "crt", "alpn").
		Add("expected dual_stack, or no option: it is the default", "v4v6").
		Add("expected ipv6_only, or the network durable6/:443", "v6only", "v6_only").
		Add("expected the network durable4/:443", "ipv4_only", "v4only").
		Add("expected tcp_user_timeout", "tcp_ut", "tcp-ut").
		Add("expected defer_accept", "defer-accept").
		Add("the owner of a socket is not set: expected mode alone, and a directory that only some can enter", "user", "group", "uid", "gid")
}

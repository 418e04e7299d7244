// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// headerSources returns the sources that must send a header at a bind: with accept-proxy all of
// them, as in HAProxy.
func (b *bind) headerSources() []*l4passthrough.AcceptProxy {
	if !b.acceptProxy && b.magic == 0 {
		return nil
	}
	return []*l4passthrough.AcceptProxy{{From: []string{"0.0.0.0/0", "::/0", "unix"}, NetScalerMagic: b.magic}}
}

// proxyWrapper is the JSON of Caddy's listener wrapper for PROXY headers.
type proxyWrapper struct {
	Wrapper        string         `json:"wrapper"`
	Timeout        caddy.Duration `json:"timeout,omitempty"`
	FallbackPolicy string         `json:"fallback_policy,omitempty"`
}

// proxyWrappers returns the listener wrappers of an http server to which all clients send a PROXY
// header. The header comes before TLS.
func (p *proxy) proxyWrappers() []any {
	timeout := durationOr(p.timeouts.clientHandshake, durationOrForever(p.timeouts.client))
	return []any{proxyWrapper{Wrapper: "proxy_protocol", Timeout: timeout, FallbackPolicy: "REQUIRE"}, map[string]string{"wrapper": "tls"}}
}

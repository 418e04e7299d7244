// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"
)

// Headers are required of all sources where HAProxy requires them.
func TestAcceptProxy(t *testing.T) {
	const everywhere = `"from": ["0.0.0.0/0", "::/0", "unix"]`
	got := apps(t, "defaults\n"+timeoutLines+`
frontend f
	bind 192.0.2.1:443,192.0.2.2:443 accept-proxy
	bind unix@/run/f.sock accept-netscaler-cip 4660
	bind 192.0.2.3:443
	timeout client-hs 3s
	tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 }
	tcp-request connection expect-proxy layer4 unless { src 10.0.0.0/8 }
	tcp-request connection expect-proxy layer4
	default_backend b
backend b
	server s1 192.0.2.9:443
`)
	f := at(t, got, "passthrough", "frontends", "f").(map[string]any)
	equal(t, "bind", f["bind"], `[
		{"address": "192.0.2.1:443", "accept_proxy": [{`+everywhere+`}]},
		{"address": "192.0.2.2:443", "accept_proxy": [{`+everywhere+`}]},
		{"address": "unix//run/f.sock", "accept_proxy": [{`+everywhere+`, "netscaler_magic": 4660}]},
		{"address": "192.0.2.3:443"}]`)
	equal(t, "timeout", f["timeout_proxy_header"], `3000000000`)
	const private = `[{"acl": [{"any": [{"fetch": "src", "values": ["10.0.0.0/8"]}]}]}]`
	equal(t, "rules", f["connection"], `[
		{"action": "expect_proxy", "match": `+private+`},
		{"action": "expect_proxy", "unless": `+private+`},
		{"action": "expect_proxy", "match": [{"acl": [{"any": [{"fetch": "always_true"}]}]}]}]`)
}

// In mode http the listener wrapper of Caddy reads the header, for the binds that have one.
func TestAcceptProxyInModeHTTP(t *testing.T) {
	const lines = "frontend www\n\tmode http\n\thttp-request deny\n\t"
	servers := func(more string) map[string]any {
		return at(t, apps(t, "defaults\n"+timeoutLines+lines+more), "http", "servers").(map[string]any)
	}
	const wrapped = `[{"wrapper": "proxy_protocol", "timeout": %, "fallback_policy": "REQUIRE"}, {"wrapper": "tls"}]`
	one := servers("bind 192.0.2.1:80 accept-proxy\n")["www"].(map[string]any)
	equal(t, "timeout client", one["listener_wrappers"], strings.Replace(wrapped, "%", "60000000000", 1))
	both := servers("bind 192.0.2.1:80\n\tbind 192.0.2.2:80 accept-proxy\n\ttimeout client-hs 3s\n")
	equal(t, "plain", at(t, both, "www", "listen"), `["durable/192.0.2.1:80"]`)
	equal(t, "plain", at(t, both, "www", "listener_wrappers"), `null`)
	equal(t, "proxied", at(t, both, "www accept-proxy", "listen"), `["durable/192.0.2.2:80"]`)
	equal(t, "proxied", at(t, both, "www accept-proxy", "listener_wrappers"), strings.Replace(wrapped, "%", "3000000000", 1))
	equal(t, "routes", at(t, both, "www accept-proxy", "routes", 0, "handle", 0, "request", 0, "action"), `"deny"`)
}

// Mistakes are reported in HAProxy's words.
func TestMistakesAboutHeaders(t *testing.T) {
	for line, want := range map[string]string{
		"bind :443 accept-netscaler-cip":                                          "'bind :443' in section 'frontend' : 'accept-netscaler-cip' : missing value",
		"bind :443 accept-netscaler-cip 0":                                        "'bind :443' in section 'frontend' : 'accept-netscaler-cip' : invalid value 0, must be >= 0",
		"bind :443 accept-netscaler-cip x":                                        "'bind :443' in section 'frontend' : 'accept-netscaler-cip' : invalid value x, must be >= 0",
		"bind :443 accept-netscaler-cip 4294967296":                               "'bind :443' in section 'frontend' : 'accept-netscaler-cip' : invalid value 4294967296, must be >= 0",
		"bind :443 accept-proxy accept-netscaler-cip 5":                           "'bind :443' in section 'frontend' : 'accept-proxy' and 'accept-netscaler-cip' together are not available",
		"mode http\n\tbind :443 accept-netscaler-cip 5":                           "'bind ... accept-netscaler-cip' in frontend 'f' is not available in mode http",
		"bind :443\n\ttcp-request connection expect-proxy":                        "'tcp-request connection expect-proxy' only supports 'layer4' in frontend 'f' (got '')",
		"bind :443\n\ttcp-request connection expect-proxy if TRUE":                "'tcp-request connection expect-proxy' only supports 'layer4' in frontend 'f' (got 'if')",
		"bind :443\n\ttcp-request connection expect-proxy layer4 x":               "'tcp-request connection expect-proxy' only accepts 'if' or 'unless', in frontend 'f' (got 'x')",
		"bind :443\n\ttcp-request session expect-proxy layer4":                    "'expect-proxy layer4' is not allowed in 'tcp-request session' rules in frontend 'f'",
		"bind :443\n\ttcp-request content expect-proxy layer4":                    "'expect-proxy layer4' is not allowed in 'tcp-request content' rules in frontend 'f'",
		"bind :443\n\ttcp-request content expect-netscaler-cip layer4":            "'expect-netscaler-cip layer4' is not allowed in 'tcp-request content' rules in frontend 'f'",
		"bind :443\n\ttcp-request connection expect-netscaler-cip layer4 if TRUE": "'tcp-request connection expect-netscaler-cip' in frontend 'f': it is not available in rules: expected accept-netscaler-cip MAGIC on the bind",
	} {
		said := messages(t, "defaults\n"+timeoutLines+"frontend f\n\t"+line+"\n")
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "E "+want) }) {
			t.Errorf("%s: said\n\t%s\nwant\n\t%s", line, strings.Join(said, "\n\t"), want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import "testing"

// A rule do-resolve asks its resolvers, or the system's if these have no servers.
func TestDoResolve(t *testing.T) {
	const rest = "defaults\n\tmode tcp\n\ttimeout connect 5s\n\ttimeout client 1m\n\ttimeout server 1m\nlisten l\n\tbind :443\n\ttcp-request inspect-delay 5s\n\ttcp-request content "
	for line, want := range map[string]string{
		"do-resolve(txn.ip,dns,ipv4) req.ssl_sni,lower": `[{"action": "do_resolve", "var": "txn.ip", "value": "req.ssl_sni,lower", "resolvers": "dns", "prefer": "ipv4"}]`,
		"do-resolve(txn.ip,dns) str(a.example)":         `[{"action": "do_resolve", "var": "txn.ip", "value": "str(a.example)", "resolvers": "dns", "prefer": "ipv6"}]`,
		"do-resolve(txn.ip,none,ipv6) str(a.example)":   `[{"action": "do_resolve", "var": "txn.ip", "value": "str(a.example)", "prefer": "ipv6"}]`,
		"set-dst var(txn.ip)":                           `[{"action": "set_dst", "value": "var(txn.ip)"}]`,
		"set-dst-port int(443)":                         `[{"action": "set_dst_port", "value": "int(443)"}]`,
	} {
		got := apps(t, "resolvers none\nresolvers dns\n\tnameserver a 192.0.2.53:53\n"+rest+line+"\n\tserver s1 0.0.0.0:0\n")
		equal(t, line, at(t, got, "passthrough", "frontends", "l", "content", "rules"), want)
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"
	"testing"
)

// A frontend of mode tcp hands connections for a backend of mode http to an http server
// of the same process.
func TestUpgrade(t *testing.T) {
	got := apps(t, "defaults\n"+timeoutLines+`
frontend f
	bind :80
	use_backend tls if { req.ssl_hello_type 1 }
	default_backend web
backend tls
	server s1 192.0.2.1:443
backend web
	mode http
	redirect prefix /b code 301 if { path /a }
	server s1 192.0.2.2:80
backend other
	mode http
	server s1 192.0.2.3:80
frontend none
	disabled
	bind :81
	default_backend other
`)
	equal(t, "the site", at(t, got, "passthrough", "backends", "web", "site"), `"web"`)
	equal(t, "no site", at(t, got, "passthrough", "backends", "tls", "site"), `null`)
	equal(t, "what no frontend of mode tcp uses", at(t, got, "passthrough", "backends", "other", "site"), `null`)
	equal(t, "the listener", at(t, got, "http", "servers", "passthrough/web", "listen"), `["passthrough/web"]`)
	equal(t, "no listener", at(t, got, "http", "servers", "passthrough/other"), `null`)
	equal(t, "default backend", at(t, got, "passthrough", "frontends", "f", "default_backend"), `"web"`)
	if text := compact(string(translated(t, "frontend f\n\tbind :80\n\tdefault_backend a:b\nbackend a:b\n\tmode http\n").JSON)); !strings.Contains(text, `"listen":["passthrough/a..b"]`) || !strings.Contains(text, `"servers":[],`) && !strings.Contains(text, `"servers":[]}`) {
		t.Errorf("a name with a colon, and no servers: %s", text)
	}
}

// A condition of monitor fail is emitted in the handler, with the names that it asks about.
func TestMonitor(t *testing.T) {
	const head = "defaults\n\tmode http\n" + timeoutLines + "\tmonitor-uri /up\nfrontend f\n\tbind :80\n\t"
	got := apps(t, head+"monitor fail if { nbsrv(api) lt 1 } !{ src 192.0.2.0/24 } or FALSE\n\tmonitor fail unless { srv_is_up(api/s1) }\nbackend api\n\tmode tcp\n\tserver s1 192.0.2.1:6443\n")
	equal(t, "handler", at(t, got, "http", "servers", "f", "routes", 0, "handle", 0), `{"handler": "passthrough_monitor", "uri": "/up", "section": "f", "fail": [
		{"any": [[{"any": [{"fetch": "nbsrv(api)", "values": ["lt", "1"]}]}, {"not": true, "any": [{"fetch": "src", "values": ["192.0.2.0/24"]}]}], [{"name": "FALSE", "any": [{"fetch": "always_false"}]}]]},
		{"unless": true, "any": [[{"any": [{"fetch": "srv_is_up(api/s1)"}]}]]}]}`)
	equal(t, "a backend of mode http that is asked about", at(t, apps(t, head+"monitor fail if { nbsrv(api) lt 1 }\nbackend api\n"), "passthrough", "backends", "api", "servers"), `[]`)
	for lines, want := range map[string]string{
		"monitor fail":                            "'monitor fail' requires either 'if' or 'unless' followed by a condition, in frontend 'f'",
		"monitor fail if { nothing }":             "error detected while parsing a 'monitor fail' condition",
		"monitor fail if { nbsrv(nowhere) lt 1 }": "unable to find backend 'nowhere'",
		"monitor-uri":                             "'monitor-uri' expects an argument",
		"monitor-net 192.0.2.0/24":                "it doesn't exist anymore in HAProxy: use 'http-request return status 200 if { src NETWORK }'",
	} {
		r := translated(t, head+lines+"\n")
		said := ""
		for _, p := range r.Problems {
			said += p.String() + "\n"
		}
		if !r.Failed || !strings.Contains(said, want) {
			t.Errorf("%s: %s, want %s", lines, said, want)
		}
	}
}

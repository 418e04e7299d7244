// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Pages that only HAProxy serves are reported with their addresses and with what requests for them
// get here.
func TestPagesNotServed(t *testing.T) {
	const (
		tcp  = "defaults\n\tmode tcp\n" + timeoutLines + "listen tls\n\tbind 192.0.2.1:443\n\tserver s1 192.0.2.2:443\n"
		http = "\tmode http\n"
	)
	for name, c := range map[string]struct {
		text string
		want []string
		open string // the names of the http servers
	}{
		"listen": {
			"listen stats\n" + http + "\tbind *:8404\n\tstats uri /\n\tstats enable\n\tstats refresh 5s\n",
			[]string{"'stats enable' in listen 'stats' is not implemented yet: no page is served at :8404/, and nothing listens there (also lines 13, 14)"},
			"",
		},
		"several binds": {
			"frontend stats\n" + http + "\tbind :8404\n\tbind [::1]:8405\n\tstats enable\n",
			[]string{"'stats enable' in frontend 'stats' is not implemented yet: no page is served at :8404, [::1]:8405, and nothing listens on its addresses"},
			"",
		},
		"beside metrics": {
			"frontend metrics\n" + http + "\tbind :8405\n\thttp-request use-service prometheus-exporter if { path /metrics }\n\tstats enable\n",
			[]string{
				"differs from HAProxy: 'http-request use-service prometheus-exporter': the answer has other metrics as well; the parameters of a request, such as scope, do not select",
				"'stats enable' in frontend 'metrics' is not implemented yet: no page is served at :8405/haproxy?stats, and a request for it is treated as any other",
			},
			"metrics",
		},
		"beside a redirect": {
			"frontend www\n" + http + "\tbind :80\n\tstats enable\n\tredirect scheme https\n",
			[]string{"'stats enable' in frontend 'www' is not implemented yet: no page is served at :80/haproxy?stats, and a request for it is treated as any other"},
			"www",
		},
		"a backend": {
			"frontend www\n" + http + "\tbind :80\n\tdefault_backend st\nbackend st\n" + http + "\tstats uri /st\n",
			[]string{"'stats uri' in backend 'st' is not implemented yet: no page is served at :80/st, and a request for it is answered with 503"},
			"www",
		},
		"from defaults": {
			"defaults\n" + http + timeoutLines + "\tstats enable\nfrontend www\n\tbind :80\n\tredirect scheme https\nfrontend x\n\tbind :81\n",
			[]string{
				"'stats enable' in anonymous 'defaults' section is not implemented yet: no page is served at /haproxy?stats in the sections that inherit it, and a request for it is treated as any other",
				"'stats enable' in anonymous 'defaults' section is not implemented yet: no page is served at :81, and nothing listens there for frontend 'x'",
			},
			"www",
		},
		"in mode tcp": {
			"listen l\n\tbind :444\n\tserver s1 192.0.2.2:443\n\tstats enable\n",
			[]string{"'stats' statement ignored for proxy 'l' as it requires HTTP mode"},
			"",
		},
		"disabled": {"listen stats\n\tdisabled\n" + http + "\tbind :8404\n\tstats enable\n", nil, ""},
	} {
		if diff := cmp.Diff(c.want, messages(t, tcp+c.text)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		var servers []string
		if web, ok := apps(t, tcp+c.text)["http"].(map[string]any); ok {
			for name := range web["servers"].(map[string]any) {
				servers = append(servers, name)
			}
		}
		if c.open == "" && len(servers) > 0 || c.open != "" && !slices.Equal(servers, []string{c.open}) {
			t.Errorf("%s: the http servers are %q, want %q", name, servers, c.open)
		}
	}
}

// HAProxy's exporter becomes Caddy's handler metrics in the place of the rule, with HAProxy's
// names.
func TestExporter(t *testing.T) {
	const text = "defaults\n" + timeoutLines + "frontend m\n\tmode http\n\tbind :8405\n\thttp-request deny if { path /denied }\n\thttp-request use-service prometheus-exporter if { path /metrics }\n"
	got := apps(t, text)
	equal(t, "metrics", at(t, got, "passthrough", "metrics"), `{"haproxy_names": true}`)
	rules := at(t, got, "http", "servers", "m", "routes", 0, "handle", 0, "request").([]any)
	if len(rules) != 2 {
		t.Fatalf("%d rules", len(rules))
	}
	equal(t, "service", rules[1].(map[string]any)["service"], `{"handler": "metrics"}`)
	if r := translated(t, text+"\thttp-request use-service prometheus-exporter /metrics\n"); !r.Failed {
		t.Error("an argument of the exporter is accepted")
	}
	if r := translated(t, text+"\thttp-request use-service lua.x\n"); !r.Failed {
		t.Error("a service in Lua is accepted")
	}
}

// An address that is not listened on is not counted, not shared and not compared with that of the
// admin endpoint.
func TestAddressesNotListenedOn(t *testing.T) {
	const stats = "defaults\n" + timeoutLines + "listen stats\n\tmode http\n\tbind :2019\n\tbind :443\n\tstats enable\n"
	if r := translated(t, stats); r.Failed || r.Binds != 0 {
		t.Errorf("%d binds, %v", r.Binds, r.Problems)
	}
	got := apps(t, stats+"listen tls\n\tbind :443\n\tserver s1 192.0.2.2:443\n")
	equal(t, "listen", listens(t, got, "tls"), `["durable4/0.0.0.0:443"]`)
}

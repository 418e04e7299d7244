// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// The messages are those of HAProxy, as far as it has them.
func TestStatsSocketMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"stats socket":                         "'stats socket' in global section expects an address or a path to a UNIX socket",
		"stats socket foo":                     "'stats socket' : missing port specification in 'foo': expected ADDRESS:PORT",
		"stats socket 127.0.0.1:9000-9002":     "'stats socket' : '127.0.0.1:9000-9002': expected one port",
		"stats socket /a level foo":            "'stats socket' : 'level' only supports 'user', 'operator', and 'admin' (got 'foo')",
		"stats socket /a level":                "'stats socket' : 'level' : missing level",
		"stats socket /a mode 9":               "'stats socket' : 'mode' : missing or invalid mode '9' (octal integer expected)",
		"stats socket /a mode":                 "'stats socket' : 'mode' : missing or invalid mode '' (octal integer expected)",
		"stats socket /a ssl crt /b":           "'stats socket' : 'ssl' is not available",
		"stats socket /a gruop x":              "'stats socket' : 'gruop' is not available; did you mean 'group' maybe ?",
		"stats socket /a process 1 level user": "",
		"stats timeout 0":                      "'stats timeout' expects a positive value",
		"stats maxconn x":                      "'stats maxconn' expects a positive value",
	} {
		var all []string
		if want != "" {
			all = []string{"E " + want}
		}
		if diff := cmp.Diff(all, messages(t, "global\n\t"+line+"\n"+frontend("default_backend b"))); diff != "" {
			t.Errorf("%s: -want +got\n%s", line, diff)
		}
	}
}

// Modes and owners are for paths alone.
func TestStatsSockets(t *testing.T) {
	const config = `global
	stats socket /run/a.sock mode 660 level admin user root gid 7 expose-fd listeners
	stats socket ipv4@127.0.0.1:9999,abns@x mode 600 level user thread 1
	stats socket :9998
	stats timeout 1m
	stats maxconn 5
`
	out, _, err := Adapter{}.Adapt([]byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Apps struct{ Passthrough balancer.App }
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	var sockets []string
	for _, s := range got.Apps.Passthrough.SocketsRaw {
		sockets = append(sockets, string(s))
	}
	if diff := cmp.Diff([]string{
		`{"address":"/run/a.sock","level":"admin","mode":"660","user":"root","group":"7","timeout":60000000000,"maxconn":5}`,
		`{"address":"127.0.0.1:9999","level":"user","timeout":60000000000,"maxconn":5}`,
		`{"address":"abns/x","level":"user","timeout":60000000000,"maxconn":5}`,
		`{"address":"durable4/:9998","timeout":60000000000,"maxconn":5}`,
	}, sockets); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"
)

// bindConfig returns a configuration whose frontend f has lines.
func bindConfig(mode, lines string) string {
	return "defaults\n\tmode " + mode + "\n" + timeoutLines + "frontend f\n\t" + strings.ReplaceAll(lines, "\n", "\n\t") + "\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2:443\n"
}

func TestSocketOptionsOfBind(t *testing.T) {
	for lines, want := range map[string]string{
		"bind :443 transparent interface eth0 namespace blue":     `[{"address": "durable4/0.0.0.0:443", "transparent": true, "interface": "eth0", "namespace": "blue"}]`,
		"bind 192.0.2.1:443 defer-accept tfo mss 1400 tcp-ut 30s": `[{"address": "192.0.2.1:443", "defer_accept": true, "tfo": true, "mss": 1400, "tcp_user_timeout": 30000000000}]`,
		"bind 192.0.2.1:443 mss -40 tcp-ut 250":                   `[{"address": "192.0.2.1:443", "tcp_user_timeout": 250000000}]`,
		"bind 192.0.2.1:443,192.0.2.1:444 tfo\nbacklog 5":         `[{"address": "192.0.2.1:443", "backlog": 5, "tfo": true}, {"address": "192.0.2.1:444", "backlog": 5, "tfo": true}]`,
		"bind /run/x.sock tfo mss 1400 interface eth0":            `[{"address": "unix//run/x.sock"}]`,
		"bind 192.0.2.1:443 interface eth0 interface eth1":        `[{"address": "192.0.2.1:443", "interface": "eth1"}]`,

		"bind 192.0.2.1:443 interface a\nbind 192.0.2.1:443 interface b": `[{"address": "192.0.2.1:443", "interface": "a"}, {"address": "192.0.2.1:443", "interface": "b"}]`,
		"bind 192.0.2.1:443 interface a\nbind 192.0.2.1:443":             `[{"address": "192.0.2.1:443", "interface": "a"}, {"address": "192.0.2.1:443"}]`,
		"bind 192.0.2.1:443 namespace a\nbind 192.0.2.1:443":             `[{"address": "192.0.2.1:443", "namespace": "a"}, {"address": "192.0.2.1:443"}]`,
		"bind 192.0.2.1:443 interface a\nbind 192.0.2.1:443 interface a": `[{"address": "durable+shared/192.0.2.1:443", "interface": "a"}, {"address": "durable+shared/192.0.2.1:443", "interface": "a"}]`,
		"bind :443 interface a\nbind :::443 v4v6":                        `[{"address": "durable4/0.0.0.0:443", "interface": "a"}, {"address": "[::]:443"}]`,
		"bind :443 interface a\nbind :::443 v4v6 interface a":            `[{"address": "durable4/0.0.0.0:443", "interface": "a"}, {"address": "durable6/[::]:443", "interface": "a"}]`,

		"option clitcpka\nbind 192.0.2.1:443": `[{"address": "192.0.2.1:443"}]`,
		"option clitcpka\nclitcpka-idle 20\nclitcpka-intvl 1500ms\nclitcpka-cnt 4\nbind 192.0.2.1:443": `[{"address": "192.0.2.1:443", "keepalive_idle": 20000000000, "keepalive_interval": 2000000000, "keepalive_count": 4}]`,
		"option tcpka\nclitcpka-cnt 400\nclitcpka-intvl 5\nbind 192.0.2.1:443":                         `[{"address": "192.0.2.1:443", "keepalive_interval": 5000000000}]`,
		"clitcpka-idle 20\nbind 192.0.2.1:443":                                                         `[{"address": "192.0.2.1:443"}]`,
		"no option clitcpka\nclitcpka-idle 20\nbind 192.0.2.1:443":                                     `[{"address": "192.0.2.1:443", "keepalive_idle": -1}]`,
		"option tcp-smart-accept\nbind 192.0.2.1:443":                                                  `[{"address": "192.0.2.1:443"}]`,
	} {
		text := bindConfig("tcp", lines)
		equal(t, text, at(t, apps(t, text), "passthrough", "frontends", "f", "bind"), want)
	}
}

func TestErrorsInSocketOptionsOfBind(t *testing.T) {
	for _, c := range []struct{ mode, lines, want string }{
		{"tcp", "bind :443 interface", "'bind :443' in section 'frontend' : 'interface' : missing interface name"},
		{"tcp", "bind :443 namespace", "'namespace' : missing namespace id"},
		{"tcp", "bind :443 mss", "'mss' : missing MSS value"},
		{"tcp", "bind :443 tcp-ut", "'tcp-ut' : missing TCP User Timeout value"},
		{"tcp", "bind :443 mss 0", "'mss' : expects an MSS with and absolute value between 1 and 65535"},
		{"tcp", "bind :443 mss 70000", "'mss' : expects an MSS with and absolute value between 1 and 65535"},
		{"tcp", "bind :443 mss 40000", "'mss' : '40000' : expected a segment size from 88 to 32767"},
		{"tcp", "bind :443 tcp-ut 5q", "'tcp-ut' : expects a positive delay in milliseconds"},
		{"tcp", "bind fd@3 tfo interface eth0", "'bind fd@3' : 'interface', 'tfo' : a descriptor has the options of the program that opened it"},
		{"tcp", "bind abns@x namespace blue", "'bind abns@x' : 'namespace' : expected an IP address and a port with it"},
		{"http", "bind :80 interface eth0", "'bind :80' : 'interface' is not available in mode http"},
		{"http", "bind :80 transparent", "'bind :80' : 'transparent' is not available in mode http"},
		{"http", "bind :80 namespace blue", "'bind :80' : 'namespace' is not available in mode http"},
	} {
		said := messages(t, bindConfig(c.mode, c.lines))
		if !slices.ContainsFunc(said, func(m string) bool { return strings.HasPrefix(m, "E ") && strings.Contains(m, c.want) }) {
			t.Errorf("%s: %q\nwant %s", c.lines, said, c.want)
		}
	}
}

// The other options are ignored in mode http, with a note.
func TestSocketOptionsInModeHTTP(t *testing.T) {
	const want = "ignored, without any effect on the traffic: 'bind ... defer-accept', 'bind ... tfo', 'bind ... mss', 'bind ... tcp-ut': Caddy's http servers have the system's values"
	if said := messages(t, bindConfig("http", "bind :80 tfo mss 1400 tcp-ut 5s defer-accept")); !slices.Contains(said, want) {
		t.Errorf("%q", said)
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// socketConfig returns a configuration with lines of a backend, whose server has options.
func socketConfig(lines, options string) string {
	return backend(append(strings.Split(lines, "\n"), "server s 192.0.2.2:443 "+options)...)
}

func TestSourceWords(t *testing.T) {
	for _, c := range []struct{ section, server, want string }{
		{"source 192.0.2.9", "", `"source":"192.0.2.9"`},
		{"source 192.0.2.9:1000 usesrc clientip interface eth0", "", `"source":"192.0.2.9:1000","transparent":"clientip","interface":"eth0"`},
		{"source 0.0.0.0 interface eth0 usesrc client", "", `"transparent":"client","interface":"eth0"`},
		{"source * usesrc 192.0.2.8:80", "", `"transparent":"192.0.2.8:80"`},
		{"source [2001:db8::9]:7 usesrc [2001:db8::8]", "", `"source":"[2001:db8::9]:7","transparent":"2001:db8::8"`},
		{"option srvtcpka", "", `"keepalive_idle":15000000000`},
		{"option srvtcpka\n\tsrvtcpka-idle 20\n\tsrvtcpka-intvl 1500ms\n\tsrvtcpka-cnt 4", "", `"keepalive_idle":20000000000,"keepalive_interval":2000000000,"keepalive_count":4`},
		{"option tcpka\n\tsrvtcpka-cnt 400", "", `"keepalive_idle":15000000000`},
		{"srvtcpka-idle 20", "", ``},
		{"", "source 192.0.2.9:1000-2000 weight 2", `"source":"192.0.2.9:1000-2000"`},
		{"", "source 0.0.0.0:1000-2000 usesrc client weight 2", `"source":"0.0.0.0:1000-2000","transparent":"client"`},
		{"", "source *", ``},
		{"source 192.0.2.9 usesrc client", "source *", `"source":"0.0.0.0","transparent":"client"`},
		{"default-server source 192.0.2.9 usesrc client tfo tcp-ut 5s mss 1400", "source 192.0.2.8 no-tfo", `"source":"192.0.2.8","transparent":"client","tcp_user_timeout":5000000000,"mss":1400`},
		{"", "tfo tcp-ut 250", `"tfo":true,"tcp_user_timeout":250000000`},
		{"default-server namespace blue", "", `"namespace":"blue"`},
		{"option nolinger", "", `"nolinger":true`},
	} {
		text := socketConfig(c.section, c.server)
		b := at(t, apps(t, text), "passthrough", "backends", "b")
		got := make(map[string]any)
		for _, from := range []any{b, at(t, b, "servers", 0)} {
			for name, value := range from.(map[string]any) {
				if slices.Contains(socketWords, name) {
					got[name] = value
				}
			}
		}
		equal(t, text, got, "{"+c.want+"}")
	}
}

var socketWords = strings.Fields("source transparent interface namespace tfo tcp_user_timeout mss keepalive_idle keepalive_interval keepalive_count nolinger")

func TestSourceErrors(t *testing.T) {
	for _, c := range []struct{ section, server, want string }{
		{"source", "", "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>."},
		{"source 192.0.2.9:1-2", "", "'source 192.0.2.9:1-2' : port range not permitted here in '192.0.2.9:1-2'"},
		{"source 192.0.2.9 weight 2", "", "'source' only supports optional keywords 'interface' and 'usesrc'"},
		{"source 192.0.2.9 usesrc", "", "'usesrc' expects <addr>[:<port>], 'client', or 'clientip' as argument"},
		{"source 192.0.2.9 interface", "", "'source' : missing interface name"},
		{"source 192.0.2.9 usesrc hdr_ip(x-forwarded-for,-1)", "", "'usesrc hdr_ip(x-forwarded-for,-1)' is not available: expected 'client', 'clientip' or an address"},
		{"source localhost", "", "'source localhost' : expected an IP address"},
		{"source /run/x", "", "'source /run/x' : expected an IP address"},
		{"source 192.0.2.9:+5", "", "'source 192.0.2.9:+5' : port offset not permitted here in '192.0.2.9:+5'"},
		{"usesrc client", "", "'usesrc' only allowed after a 'source' statement"},
		{"", "usesrc client", "'server b/s' : 'usesrc' only allowed after a 'source' statement"},
		{"", "source", "'server b/s' : 'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as argument"},
		{"", "source 192.0.2.9:9-8", "'server b/s' : 'source' : invalid source port range (9-8)"},
		{"", "source 192.0.2.9:9-70000", "invalid source port range (9-70000)"},
		{"", "tcp-ut x", "'server b/s' : 'tcp-ut' : expects a positive delay in milliseconds"},
		{"", "namespace *", "'server b/s' : 'namespace *' is not available"},
		{"", "mss 87", "'server b/s' : 'mss' : '87' : expected a segment size from 88 to 32767"},
		{"mode http\n\tsource 192.0.2.9 usesrc clientip", "", "'usesrc clientip' is not available in mode http"},
		{"mode http", "source 192.0.2.9 usesrc client", "'usesrc client' is not available in mode http"},
	} {
		r := translated(t, socketConfig(c.section, c.server))
		if text := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(text, c.want) {
			t.Errorf("%q, %q: %s, want %s", c.section, c.server, text, c.want)
		}
	}
}

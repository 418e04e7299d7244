// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peering"
)

// adaptPeers translates a section of peers, and a backend with a table of it.
func adaptPeers(t *testing.T, lines string) (app *balancer.App, messages string) {
	t.Helper()
	text := "global\n\tlocalpeer a\ndefaults\n\tmode tcp\n\ttimeout connect 1s\n\ttimeout client 1s\n\ttimeout server 1s\n" +
		"peers mesh\n\t" + strings.ReplaceAll(lines, ";", "\n\t") +
		"\nlisten web\n\tbind 127.0.0.1:1000\n\tstick-table type ip size 1k recv-only peers mesh\n\tstick on src\n\tserver s 192.0.2.1:443\n"
	result := Translate([]haproxyfile.Source{{Name: "haproxy.cfg", Text: []byte(text)}}, Options{})
	var all []string
	for _, p := range result.Problems {
		all = append(all, p.Message)
	}
	var config struct {
		Apps struct{ Passthrough balancer.App }
	}
	if len(result.JSON) > 0 {
		if err := json.Unmarshal(result.JSON, &config); err != nil {
			t.Fatal(err)
		}
	}
	return &config.Apps.Passthrough, strings.Join(all, "\n")
}

func TestPeers(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]peering.Section{
		"peer a 192.0.2.1:1024;peer b 192.0.2.2:1025": {Local: "a", Bind: []string{"192.0.2.1:1024"}, Peers: []peering.Peer{{Name: "b", Address: "192.0.2.2:1025"}}},
		"bind :1024;server a;server b b.example:1025 check;default-server inter 3s;table counts type integer size 1k store gpc0": {
			Local: "a", Bind: []string{":1024"}, Peers: []peering.Peer{{Name: "b", Address: "b.example:1025"}},
		},
	} {
		app, messages := adaptPeers(t, lines)
		got := app.Peers["mesh"]
		if got == nil || got.Local != want.Local || !slices.Equal(got.Bind, want.Bind) || !slices.Equal(got.Peers, want.Peers) {
			t.Errorf("%s: %+v\n%s", lines, got, messages)
			continue
		}
		if table := app.StickTables["web"]; table.Peers != "mesh" || !table.ReceiveOnly {
			t.Errorf("%s: %+v", lines, table)
		}
		if table := app.StickTables["mesh/counts"]; table != nil && table.Peers != "mesh" {
			t.Errorf("%s: %+v", lines, table)
		}
	}
}

func TestPeersLeftOut(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]string{
		"peer b 192.0.2.2:1025": "Removing incomplete section 'peers mesh' (no peer named 'a').",
		"disabled;peer a :1024": "",
	} {
		app, messages := adaptPeers(t, lines)
		if len(app.Peers) > 0 || app.StickTables["web"].Peers != "" || !strings.Contains(messages, want) {
			t.Errorf("%s: %v, %q", lines, app.Peers, messages)
		}
	}
}

func TestPeersErrors(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]string{
		"peer a 192.0.2.1:1024;peer b":                "missing address: expected peer NAME ADDRESS:PORT",
		"server a":                                    "missing address",
		"peer a 192.0.2.1":                            "expected a host and a port",
		"peer a 192.0.2.1:1024 ssl":                   "TLS between peers is not available",
		"bind :1024 ssl crt x.pem;server a":           "TLS between peers is not available",
		"bind unix@/run/peers;server a":               "expected a host and a port",
		"peer a 192.0.2.1:1024;peer a 192.0.2.1:1025": "peer 'a' is given twice",
		"peer":                  "missing name",
		"pear a 192.0.2.1:1024": "did you mean 'peer'",
		"table":                 "missing name",
	} {
		if _, messages := adaptPeers(t, lines); !strings.Contains(messages, want) {
			t.Errorf("%s: %q, want %q", lines, messages, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

// A header is taken from named sources alone.
func TestSourcesOfHeaders(t *testing.T) {
	for list, want := range map[string]string{
		`[{"from": ["10.0.0.0/8", "2001:db8::1", "::ffff:10.0.0.1"]}]`:          "10.0.0.0/8 2001:db8::1/128 10.0.0.1/32",
		`[{"from": ["private_ranges"]}]`:                                        "192.168.0.0/16 172.16.0.0/12 10.0.0.0/8 127.0.0.1/8 fd00::/8 ::1/128",
		`[{"from": ["unix"], "optional": true}]`:                                "unix optional",
		`[{"from": ["{env.ACCEPTPROXY_UNSET}10.0.0.1"], "netscaler_magic": 5}]`: "10.0.0.1/32 netscaler",
		`[]`:                              "",
		`[null]`:                          "! accept_proxy: no source of headers: expected networks such as 10.0.0.0/8",
		`[{}]`:                            "! accept_proxy: no source of headers",
		`[{"from": []}]`:                  "! accept_proxy: no source of headers",
		`[{"from": ["10.0.0.0/8"]}, {}]`:  "! accept_proxy: no source of headers",
		`[{"from": ["10.0.0.0/33"]}]`:     `! accept_proxy: source "10.0.0.0/33": expected a network such as 10.0.0.0/8, an address, private_ranges or unix`,
		`[{"from": ["lb.example.com"]}]`:  `! accept_proxy: source "lb.example.com": expected`,
		`[{"from": ["fe80::1%eth0"]}]`:    `! accept_proxy: source "fe80::1%eth0": expected`,
		`[{"from": ["10.0.0.1", "any"]}]`: `! accept_proxy: source "any": expected`,
	} {
		var sources []*AcceptProxy
		if err := json.Unmarshal([]byte(list), &sources); err != nil {
			t.Fatal(err)
		}
		policy, err := headerPolicy(sources)
		if err != nil {
			if why := strings.TrimPrefix(want, "! "); why == want || !strings.HasPrefix(err.Error(), why) {
				t.Errorf("%s:\n got %v\nwant %s", list, err, want)
			}
			continue
		}
		var got []string
		for _, s := range policy {
			for _, n := range s.Networks {
				got = append(got, n.String())
			}
			for word, is := range map[string]bool{"unix": s.Unix, "netscaler": s.NetScalerMagic != 0} {
				if is {
					got = append(got, word)
				}
			}
			if s.Optional {
				got = append(got, "optional")
			}
		}
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", list, d)
		}
	}
}

func TestAcceptProxyInCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"accept_proxy 10.0.0.0/8 ::1":                                 `{"accept_proxy":[{"from":["10.0.0.0/8","::1"]}]}`,
		"accept_proxy required unix\naccept_proxy optional 0.0.0.0/0": `{"accept_proxy":[{"from":["unix"]},{"from":["0.0.0.0/0"],"optional":true}]}`,
		"accept_netscaler_cip 0xff optional 10.0.0.1":                 `{"accept_proxy":[{"from":["10.0.0.1"],"optional":true,"netscaler_magic":255}]}`,
		"timeout_proxy_header 3s\naccept_proxy ::1":                   `{"accept_proxy":[{"from":["::1"]}],"timeout_proxy_header":3000000000}`,
		"accept_proxy":                        "! accept_proxy: no source of headers",
		"accept_proxy optional":               "! accept_proxy: no source of headers",
		"accept_proxy nets":                   `! accept_proxy: source "nets": expected`,
		"accept_netscaler_cip":                "! accept_netscaler_cip: expected the number that its header begins with",
		"accept_netscaler_cip 0 10.0.0.1":     `! accept_netscaler_cip: "0": expected a number from 1 to 0xffffffff`,
		"accept_netscaler_cip 5":              "! accept_netscaler_cip: no source of headers",
		"timeout_proxy_header 0s":             "! timeout_proxy_header",
		"connection {\nexpect_proxy src 5\n}": "! ",
	} {
		h := new(Handler)
		err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("passthrough {\ndefault_backend web\n" + text + "\n}"))
		why, wrong := strings.CutPrefix(want, "! ")
		switch {
		case wrong != (err != nil) || err != nil && !strings.Contains(err.Error(), why):
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		case err == nil:
			got, _ := json.Marshal(map[string]any{"accept_proxy": h.AcceptProxy})
			if h.TimeoutProxyHeader != 0 {
				got, _ = json.Marshal(map[string]any{"accept_proxy": h.AcceptProxy, "timeout_proxy_header": h.TimeoutProxyHeader})
			}
			if d := cmp.Diff(want, string(got)); d != "" {
				t.Errorf("%s (-want +got):\n%s", text, d)
			}
		}
	}
}

// The action expect_proxy needs sources, and comes before anything is read.
func TestExpectProxyNeedsSources(t *testing.T) {
	const from = `"match": [{"remote_ip": {"ranges": ["10.0.0.0/8"]}}]`
	const late = "rule 1: action expect_proxy: expected it in connection"
	for config, want := range map[string]string{
		`{"connection": [{"action": "expect_proxy", ` + from + `}]}`:                                        "",
		`{"connection": [{"action": "expect_proxy"}]}`:                                                      "connection: rule 1: action expect_proxy has no match",
		`{"connection": [{"action": "expect_proxy", ` + strings.Replace(from, "match", "unless", 1) + `}]}`: "",
		`{"session": [{"action": "expect_proxy", ` + from + `}]}`:                                           "session: " + late,
		`{"content": {"rules": [{"action": "expect_proxy", ` + from + `}]}}`:                                "content: " + late,
	} {
		var h Handler
		if err := json.Unmarshal([]byte(config), &h); err != nil {
			t.Fatal(err)
		}
		app, ctx := newApp(t, "web")
		h.Name, h.DefaultBackend, h.logger = "f", "web", zap.NewNop()
		if err := h.setUp(nil); err != nil {
			t.Fatal(err)
		}
		err := h.provision(ctx, app)
		if (want == "") != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
	}
}

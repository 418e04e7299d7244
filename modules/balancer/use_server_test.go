// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/google/go-cmp/cmp"
)

func TestUseServerInCaddyfile(t *testing.T) {
	for lines, want := range map[string]string{
		"use_server s1 sni a.test":                         `"use_server":[{"server":"s1","match":[{"client_hello":{"sni":["a.test"]}}]}]`,
		"use_server s1 unless sni a.test":                  `"use_server":[{"server":"s1","unless":[{"client_hello":{"sni":["a.test"]}}]}]`,
		"use_server s1\npersist":                           `"use_server":[{"server":"s1"}],"persist":true`,
		"force_persist remote_ip 10.0.0.1\nignore_persist": `"persist_rules":[{"action":"force","match":[{"remote_ip":{"ranges":["10.0.0.1"]}}]},{"action":"ignore"}]`,
		"ignore_persist unless no_sni":                     `"persist_rules":[{"action":"ignore","unless":[{"client_hello":{"no_sni":true}}]}]`,
		"use_server s-{l4.client_hello.sni} sni a.test":    `"use_server":[{"server":"s-{l4.client_hello.sni}","match":[{"client_hello":{"sni":["a.test"]}}]}]`,
		"use_server_format %[req.ssl_sni] no_sni":          `"use_server":[{"server_format":"%[req.ssl_sni]","match":[{"client_hello":{"no_sni":true}}]}]`,
		"use_server s1 {\n sni a.test\n alpn h2\n}":        `"use_server":[{"server":"s1","match":[{"client_hello":{"sni":["a.test"],"alpn":["h2"]}}]}]`,
		"use_server s1 sni a.test\nuse_server s2 no_sni":   `"use_server":[{"server":"s1","match":[{"client_hello":{"sni":["a.test"]}}]},{"server":"s2","match":[{"client_hello":{"no_sni":true}}]}]`,
	} {
		b, err := parseBackend(lines)
		if err != nil {
			t.Errorf("%q: %v", lines, err)
			continue
		}
		b.Origin = ""
		if diff := cmp.Diff("{"+want+"}", string(caddyconfig.JSON(b, nil))); diff != "" {
			t.Errorf("%q: -want +got\n%s", lines, diff)
		}
	}
	for line, want := range map[string]string{
		"use_server":                     "use_server: expected the name of a server",
		"use_server sni a.test":          "use_server: expected the name of a server before sni",
		"use_server s/1":                 `name "s/1": expected letters`,
		"use_server s1 path /":           "it is inside TLS",
		"use_server s1 unless":           "rule for use_server s1: expected a matcher after unless",
		"force_persist unless":           "rule for force_persist: expected a matcher after unless",
		"use_server_format %[req.foo]":   "use_server_format: ",
		"use_server_format unless src x": "use_server_format: expected a format",
	} {
		if _, err := parseBackend(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func TestUseServerIsChecked(t *testing.T) {
	for json, want := range map[string]string{
		`[null]`:                                 "use_server 1: expected an object with server or server_format",
		`[{}]`:                                   "use_server 1: expected server or server_format, one of the two",
		`[{"server": "a", "server_format":"x"}]`: "use_server 1: expected server or server_format, one of the two",
		`[{"server": "s2"}]`:                     `use_server 1: unknown server "s2"`,
		`[{"server": "{x/y}"}]`:                  `use_server 1: name "{x/y}": expected letters`,
		`[{"server_format": "%[foo]"}]`:          `use_server 1: server_format "%[foo]": failed to parse`,
		`[{"server": "s1", "match": [{}], "unless": [{}]}]`: "use_server 1: match and unless are mutually exclusive",
	} {
		err := backend(t, `{"servers": [{"name": "s1", "address": "10.0.0.1:443"}], "use_server": `+json+`}`).Provision(newContext(t), "b")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", json, err, want)
		}
	}
}

func TestPersistRulesAreChecked(t *testing.T) {
	for json, want := range map[string]string{
		`[null]`:            "persist_rules 1: expected an object with action force or ignore",
		`[{"action": "x"}]`: "persist_rules 1: expected an object with action force or ignore",
		`[{"action": "force"}, {"action": "ignore", "match": [{}], "unless": [{}]}]`: "persist_rules 2: match and unless are mutually exclusive",
	} {
		err := backend(t, `{"servers": [{"name": "s1", "address": "10.0.0.1:443"}], "persist_rules": `+json+`}`).Provision(newContext(t), "b")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", json, err, want)
		}
	}
}

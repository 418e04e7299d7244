// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
)

func parseFrontend(block string) (*Handler, error) {
	h := new(Handler)
	return h, h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("passthrough {\n" + block + "\n}"))
}

func TestRulesInCaddyfile(t *testing.T) {
	for block, want := range map[string]string{
		"use_backend web":                                `[{"backend":"web"}]`,
		"use_backend {l4.client_hello.sni}":              `[{"backend":"{l4.client_hello.sni}"}]`,
		"use_backend t-{l4.client_hello.alpn}.x alpn h2": `[{"match":[{"client_hello":{"alpn":["h2"]}}],"backend":"t-{l4.client_hello.alpn}.x"}]`,
		"use_backend_map sites.map":                      `[{"backend_map":"sites.map"}]`,
		"use_backend_map \"/etc/my sites.map\" ech":      `[{"match":[{"client_hello":{"ech":true}}],"backend_map":"/etc/my sites.map"}]`,
		"use_backend_map sites.map version 1.0-1.2 {\n remote_ip 192.0.2.0/24\n no_sni\n}": `[{"match":[{"client_hello":{"no_sni":true,"version":["1.0-1.2"]},"remote_ip":{"ranges":["192.0.2.0/24"]}}],"backend_map":"sites.map"}]`,
		"use_backend_map a.map\nuse_backend web sni a.test\nuse_backend_map b.map":         `[{"backend_map":"a.map"},{"match":[{"client_hello":{"sni":["a.test"]}}],"backend":"web"},{"backend_map":"b.map"}]`,
		"use_backend_split web=9 sni=0 sni a.test":                                         `[{"match":[{"client_hello":{"sni":["a.test"]}}],"backends":[{"name":"web","weight":9},{"name":"sni","weight":0}]}]`,
		"use_backend_split web=1 unless ech":                                               `[{"unless":[{"client_hello":{"ech":true}}],"backends":[{"name":"web","weight":1}]}]`,
		"use_backend web no_sni":                                                           `[{"match":[{"client_hello":{"no_sni":true}}],"backend":"web"}]`,
		"use_backend web post_quantum ech sni_regexp ^a ^b":                                `[{"match":[{"client_hello":{"sni_regexp":["^a","^b"],"ech":true,"post_quantum":true}}],"backend":"web"}]`,
		"use_backend web client_hello {\n no_sni\n ech\n}":                                 `[{"match":[{"client_hello":{"no_sni":true,"ech":true}}],"backend":"web"}]`,
		"use_backend web {\n sni_file a.txt\n ja4 t13d1516h2_*_*\n}":                       `[{"match":[{"client_hello":{"sni_file":["a.txt"],"ja4":["t13d1516h2_*_*"]}}],"backend":"web"}]`,
		// A backend or a file may bear the name of a matcher.
		"use_backend ech":     `[{"backend":"ech"}]`,
		"use_backend_map sni": `[{"backend_map":"sni"}]`,
		"use_backend sni ech": `[{"match":[{"client_hello":{"ech":true}}],"backend":"sni"}]`,
	} {
		h, err := parseFrontend(block)
		if err != nil {
			t.Errorf("%q: %v", block, err)
		} else if diff := cmp.Diff(want, string(caddyconfig.JSON(h.Rules, nil))); diff != "" {
			t.Errorf("%q: -want +got\n%s", block, diff)
		}
	}
}

func TestRuleMistakesInCaddyfile(t *testing.T) {
	const nameOrTemplate = `: expected letters, digits, any of -_.: and placeholders such as {l4.client_hello.sni}, nothing else, at Testfile:2`
	for _, c := range []struct{ block, want string }{
		{"use_backend", `use_backend: expected the name of a backend, at Testfile:2`},
		{"use_backend_map", `use_backend_map: expected the name of a file, at Testfile:2`},
		{"use_backend sni a.test", `use_backend: expected the name of a backend before sni, at Testfile:2`},
		{"use_backend_map sni a.test", `use_backend_map: expected the name of a file before sni, at Testfile:2`},
		{"use_backend_map remote_ip 10.0.0.0/8", `use_backend_map: expected the name of a file before remote_ip, at Testfile:2`},
		{"use_backend {l4.client_hello.sni", `name "{l4.client_hello.sni"` + nameOrTemplate},
		{"use_backend l4.client_hello.sni}", `name "l4.client_hello.sni}"` + nameOrTemplate},
		{"use_backend \"{l4.client_hello.sni} x\"", `name "{l4.client_hello.sni} x"` + nameOrTemplate},
		{"use_backend a/{l4.client_hello.sni}", `name "a/{l4.client_hello.sni}"` + nameOrTemplate},
		{"use_backend a/b", `name "a/b"` + nameOrTemplate},
		{"use_backend_split", `use_backend_split: expected BACKEND=WEIGHT for each backend, such as web=90 canary=10, at Testfile:2`},
		{"use_backend_split web 90 sni a.test", `use_backend_split: expected BACKEND=WEIGHT for each backend`},
		{"use_backend_split web=many", `use_backend_split: "web=many": expected BACKEND=WEIGHT, such as web=90, at Testfile:2`},
		{"use_backend_split web=0 a=0", `use_backend_split: no share has a weight above 0, at Testfile:2`},
		{"use_backend_split web=1 web=2", `use_backend_split: backend "web" has two shares: expected one, at Testfile:2`},
		{"use_backend_split web=1 canary", `unknown option "canary"`},
		{"use_backend_map ech sni", `"sni" needs at least one argument, at Testfile:2`},
		{"use_backend_map a.map b.map", `unknown option "b.map"`},
		{"use_backend_map a.map sni", `"sni" needs at least one argument, at Testfile:2`},
		{"use_backend_map a.map sni a.test sni_file b.txt", `sni takes the rest of its line: expected sni_file on a line of its own, in a block, at Testfile:2`},
		{"use_backend_map a.map version tls1.2", `version: "tls1.2": expected ssl3, 1.0, 1.1, 1.2, 1.3 or a range such as`},
		{"use_backend_map a.map {\n ech\n client_hello no_sni\n}", `rule for backend_map "a.map": sni, alpn and the like are fields of client_hello: expected either them or client_hello, at Testfile:5`},
		{"use_backend web {\n ech\n client_hello no_sni\n}", `rule for backend "web": sni, alpn and the like are fields of client_hello`},
		{"use_backend web ech no_sni ech", `option "ech" is given twice, at Testfile:2`},
		{"default_backend {l4.client_hello.sni}", `name "{l4.client_hello.sni}": expected letters, digits and any of -_.:, nothing else`},
		{"use_backend 10.0.0.1:443 sni a.test", `"10.0.0.1:443" reads as an address: expected a name, at Testfile:2`},
		{"default_backend web.test:443", `"web.test:443" reads as an address: expected a name`},
		{"on no_match backend 10.0.0.1", `on no_match: "10.0.0.1" reads as an address: expected a name`},
		{"name :443", `":443" reads as an address: expected a name`},
		{"on no_match backend {l4.client_hello.sni}", `on no_match: name "{l4.client_hello.sni}": expected letters`},
	} {
		if _, err := parseFrontend(c.block); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.block, err, c.want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package l4acl

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
)

func TestCaddyfile(t *testing.T) {
	const a, notB = `{"any":[{"fetch":"req.ssl_sni","method":"end","ignore_case":true,"values":[".a.test"]}]}`, `{"not":true,"any":[{"fetch":"src","values":["10.0.0.0/8"],"files":["b.lst"]}]}`
	for block, want := range map[string]string{
		"acl req.ssl_sni -i -m end .a.test":                                                `[` + a + `]`,
		"acl not src -f b.lst 10.0.0.0/8":                                                  `[` + notB + `]`,
		"acl req.ssl_sni -i -m end .a.test\nacl not src -f b.lst 10.0.0.0/8":               `[` + a + `,` + notB + `]`,
		"acl {\n req.ssl_sni -i -m end .a.test\n not src -f b.lst 10.0.0.0/8\n}":           `[` + a + `,` + notB + `]`,
		"acl req.ssl_sni -i -m end .a.test {\n not src -f b.lst 10.0.0.0/8\n}":             `[` + a + `,` + notB + `]`,
		"acl {\n req.ssl_sni -i -m end .a.test\n}\nacl {\n not src -f b.lst 10.0.0.0/8\n}": `[` + a + `,` + notB + `]`,
		"acl req.len gt 5": `[{"any":[{"fetch":"req.len","values":["gt","5"]}]}]`,
	} {
		var m Matcher
		if err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser(block)); err != nil {
			t.Errorf("%q: %v", block, err)
		} else if diff := cmp.Diff(want, string(caddyconfig.JSON(&m, nil))); diff != "" {
			t.Errorf("%q: -want +got\n%s", block, diff)
		}
	}
	for block, want := range map[string]string{
		"acl":                            "acl: expected [not] FETCH [-i]",
		"acl {\n}":                       "acl: expected [not] FETCH [-i]",
		"acl not":                        "acl: not: expected FETCH",
		"acl {\n src 127.0.0.1\n not\n}": "acl: not: expected FETCH [-i] [-m METHOD] [-f FILE] [--] [VALUE…] after it, at Testfile:3",
		"acl req.ssl_sni -f x -m end y":  "acl: '-m' must only be specified before patterns and files",
		"acl src 127.0.0.1\nacl req.ssl_sni -m foo y": "acl: unknown matching method 'foo'",
	} {
		if err := new(Matcher).UnmarshalCaddyfile(caddyfile.NewTestDispenser(block)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", block, err, want)
		}
	}
}

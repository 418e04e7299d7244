// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strings"
	"testing"
)

func TestACLFetch(t *testing.T) {
	const first, second = `{"name": "first", "any": [{"fetch": "src", "values": ["192.0.2.1"]}]}`, `{"name": "second", "not": true, "any": [{"fetch": "src", "values": ["192.0.2.2"]}, {"fetch": "src", "values": ["192.0.2.3"]}]}`
	text := frontend("acl first src 192.0.2.1", "acl second src 192.0.2.2", "acl both acl(first,!second)", "use_backend b if { acl(first) } !both", "acl second src 192.0.2.3")
	got := at(t, apps(t, text), "passthrough", "frontends", "f").(map[string]any)["rules"]
	equal(t, "rules", got, `[{"backend": "b", "match": [{"acl": [
		{"any": [{"fetch": "acl(first)", "all": [`+first+`]}]},
		{"name": "both", "not": true, "any": [{"fetch": "acl(first,!second)", "all": [`+first+`, `+second+`]}]}]}]}]`)
}

func TestACLFetchMistakes(t *testing.T) {
	for lines, want := range map[string]string{
		"use_backend b if { acl(none) }":                                       "invalid args in fetch method 'acl' : no such ACL : 'none'",
		"use_backend b if { acl }":                                             "invalid args in fetch method 'acl' : no such ACL : ''",
		"use_backend b if { acl(!!x) }":                                        "no such ACL : '!x'",
		"acl x acl(x)":                                                         "no such ACL : 'x'",
		"acl x src 192.0.2.1\n\tacl y acl(x)\n\tacl x acl(y)":                  "ACL 'y' would ask for itself",
		"acl x src 192.0.2.1\n\tuse_backend b if { acl(x) yes }":               "'acl(x)' with a method or patterns",
		"acl x src 192.0.2.1\n\tuse_backend b if { acl(x),not }":               "converters after acl() are not available",
		"acl x src 192.0.2.1\n\ttcp-request connection set-var(sess.x) acl(x)": "name the ACLs in a condition",
	} {
		r := translated(t, frontend(lines))
		if said := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(said, want) {
			t.Errorf("%q: %s, want %q", lines, said, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"
)

const beforeTemplates = "defaults\n\tmode tcp\n\ttimeout connect 1s\n\ttimeout client 1s\n\ttimeout server 1s\nresolvers d\n\tnameserver n1 127.0.0.1:53\nlisten b\n\tbind :443\n\t"

// A server-template becomes a template of the backend, with default-server and the resolvers.
func TestServerTemplate(t *testing.T) {
	got := apps(t, beforeTemplates+`default-server weight 7
	server-template web 2-4 web.test:443 resolvers d init-addr none
	server-template s 3 _s._tcp.web.test resolvers d resolve-opts ignore-weight check
	use-server web3 if { src 192.0.2.7 }
`)
	equal(t, "templates", at(t, got, "passthrough", "backends", "b", "server_templates"), `[
		{"prefix": "web", "low": 2, "count": 3, "name": "", "address": "web.test:443", "resolvers": "d", "weight": 7},
		{"prefix": "s", "count": 3, "name": "", "address": "_s._tcp.web.test", "resolvers": "d", "resolve_opts": ["ignore-weight"], "weight": 7, "check": {"checker": {"module": "tcp"}}}]`)
}

// Mistakes of a server-template are named.
func TestServerTemplateMessages(t *testing.T) {
	const of = "'server-template b/web' : "
	for line, want := range map[string]string{
		"server-template web 3":                                         "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments in",
		"server-template web 0 web.test:443":                            of + "invalid range '0'",
		"server-template web 5-3 web.test:443":                          of + "invalid range '5-3'",
		"server-template web 3 192.0.2.1:443":                           of + "expected the name of a host with a port",
		"server-template web 3 web.test":                                of + "expected the name of a host with a port",
		"server-template web 3 web.test:443 resolvers x":                "unable to find required resolvers 'x'",
		"server web2 192.0.2.1:443\n\tserver-template web 3 a.test:443": of + "another server named 'web2' was already defined at line",
	} {
		said := messages(t, beforeTemplates+line+"\n")
		if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s: %q, want %s", line, said, want)
		}
	}
}

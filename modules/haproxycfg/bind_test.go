// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// A bind at the address of Caddy's admin endpoint is an error with its line.
func TestBindOfAdminEndpoint(t *testing.T) {
	before := caddy.DefaultAdminListen
	defer func() { caddy.DefaultAdminListen = before }()
	for _, c := range []struct {
		admin, bind string
		want        bool
	}{
		{"localhost:2019", ":2019", true},
		{"localhost:2019", "127.0.0.1:2019", true},
		{"localhost:2019", "127.0.0.1:2000-2030", true},
		{"localhost:2019", ":::2019 v4v6", true},
		{"localhost:2019", ":::2019 v6only", false},
		{"localhost:2019", "127.0.0.2:2019", false},
		{"localhost:2019", "127.0.0.1:2020", false},
		{"localhost:2019", "/run/x.sock", false},
		{"[::1]:2019", ":2019", false},
		{"[::1]:2019", ":::2019 v6only", true},
		{"127.0.0.1:9443", ":2019", false},
		{"127.0.0.1:9443", ":9443", true},
		{"unix//run/admin", ":2019", false},
	} {
		caddy.DefaultAdminListen = c.admin
		r := translated(t, "defaults\n"+timeoutLines+"frontend f\n\tbind "+c.bind+"\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2:443\n")
		said := false
		for _, p := range r.Problems {
			said = said || p.Line == 6 && strings.Contains(p.Message, "Caddy's admin endpoint listens on "+c.admin+": expected another port here, or another address for the endpoint in the environment variable CADDY_ADMIN")
		}
		if said != c.want || r.Failed != c.want {
			t.Errorf("bind %s beside %s: %v, want an error: %t", c.bind, c.admin, r.Problems, c.want)
		}
	}
}

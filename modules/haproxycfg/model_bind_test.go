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

// A bind's backlog is its own, or that of its section, which may inherit it from defaults. A
// descriptor keeps the backlog of the program that opened it.
func TestBacklog(t *testing.T) {
	const sections = "defaults\n\tbacklog 10\n" + timeoutLines + "frontend a\n\tbind 192.0.2.1:1,192.0.2.1:2-3 backlog 5\n\tbind 192.0.2.1:4\n\tbind fd@3 backlog 5\n\tbacklog 20\n\tdefault_backend x\n" +
		"frontend b\n\tbind 192.0.2.1:5\n\tbind /run/x.sock backlog 0\n\tdefault_backend x\nlisten c\n\tbacklog 0\n\tbind 192.0.2.1:6\n\tserver s1 192.0.2.2:443\nbackend x\n\tserver s1 192.0.2.2:443\n"
	got := apps(t, sections)
	for frontend, want := range map[string]string{
		"a": `[{"address": "192.0.2.1:1", "backlog": 5}, {"address": "192.0.2.1:2-3", "backlog": 5}, {"address": "192.0.2.1:4", "backlog": 20}, {"address": "fd/3"}]`,
		"b": `[{"address": "192.0.2.1:5", "backlog": 10}, {"address": "unix//run/x.sock", "backlog": 10}]`,
		"c": `[{"address": "192.0.2.1:6"}]`,
	} {
		equal(t, frontend, at(t, got, "passthrough", "frontends", frontend, "bind"), want)
	}
}

// Caddy's http servers have no backlog: a warning says so if a section in mode http sets one.
func TestBacklogInModeHTTP(t *testing.T) {
	r := translated(t, "defaults\n\tbacklog 10\n\tmode http\n"+timeoutLines+"frontend f\n\tbind 192.0.2.1:80\n\tbind 192.0.2.1:81 backlog 5\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2:80\n")
	var said []string
	for _, p := range r.Problems {
		if strings.Contains(p.Message, "backlog") {
			said = append(said, p.String())
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], ":8: ignored, without any effect on the traffic: 'backlog': Caddy's http servers have the system's limit (net.core.somaxconn) (also line 9)") {
		t.Errorf("warnings: %q, failed: %t", said, r.Failed)
	}
}

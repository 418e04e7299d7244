// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// slotsNow returns the servers of a backend that have an address.
func slotsNow(backend string) (all []string) {
	b, _ := registry.Backend(backend)
	for i := range b.Servers {
		if s := &b.Servers[i]; !s.Unresolved {
			all = append(all, s.Name+" "+s.Address+" "+s.State())
		}
	}
	return all
}

func awaitSlots(t *testing.T, backend string, want ...string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !slices.Equal(slotsNow(backend), want) {
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want %q", slotsNow(backend), want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// The slots of a template follow its source, and keep their addresses over reloads, also if the
// source has failed. A template that is gone leaves nothing.
func TestServerTemplate(t *testing.T) {
	name, path := unused("templates"), filepath.Join(t.TempDir(), "servers")
	list := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	template := `{"` + name + `": {"servers": [{"name": "s1", "address": "10.9.9.9:443", "backup": true}],
		"server_templates": [{"prefix": "web", "low": 2, "count": 3, "maxconn": 7, "discovery": {"source": "file", "path": "` + path + `"}}]}}`
	list("10.0.0.1:443\n10.0.0.2:443 weight 5")
	started := func(before *App, backends string) *App {
		t.Helper()
		a := provisioned(t, backends)
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		a.serve()
		if before != nil {
			_ = before.Stop()
			cleanUp(t, before)
		}
		return a
	}
	a := started(nil, template)
	const backup = "s1 10.9.9.9:443 up"
	awaitSlots(t, name, backup, "web2 10.0.0.1:443 up", "web3 10.0.0.2:443 up")
	s := a.Backends[name].pool.Server("web3")
	if status, _ := registry.Backend(name); s.ID != 3 || s.MaxConn != 7 || status.Servers[2].Weight != 5 || len(status.Servers) != 4 {
		t.Errorf("%+v", status.Servers)
	}
	lease := acquire(t, a, name, "web3")
	list(`["10.0.0.1:443", "10.0.0.4:443"]`)
	awaitSlots(t, name, backup, "web2 10.0.0.1:443 up", "web4 10.0.0.4:443 up")
	checkCounts(t, a, name, counts{"web3", 1, 1, 0})
	list(`["10.0.0.2:443", "10.0.0.4:443"]`)
	awaitSlots(t, name, backup, "web3 10.0.0.2:443 up", "web4 10.0.0.4:443 up")

	list("nonsense")
	a = started(a, template)
	awaitSlots(t, name, backup, "web3 10.0.0.2:443 up", "web4 10.0.0.4:443 up")
	lease.Release(pool.Served)
	list("10.0.0.4:443")
	awaitSlots(t, name, backup, "web4 10.0.0.4:443 up")
	a = started(a, `{"`+name+`": {"servers": [{"name": "web4", "address": "10.9.9.9:443"}]}}`)
	awaitSlots(t, name, "web4 10.9.9.9:443 up")
	_ = a.Stop()
	cleanUp(t, a)
}

// Mistakes in a template are named.
func TestServerTemplateMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{"prefix": "a", "count": 0, "address": "a.test:1"}`:                                  `count 0: expected a whole number from 1 to 4096`,
		`{"prefix": "a b", "count": 1, "address": "a.test:1"}`:                                `prefix "a b": expected the first part`,
		`{"prefix": "a", "count": 1, "low": -1, "address": "a.test:1"}`:                       `low -1`,
		`{"prefix": "a", "count": 1, "address": "10.0.0.1:1"}`:                                `address "10.0.0.1:1": expected HOST:PORT with the name of a host`,
		`{"prefix": "a", "count": 1, "address": "a.test"}`:                                    `address "a.test": expected HOST:PORT`,
		`{"prefix": "a", "count": 1, "address": "_a"}`:                                        `address: name "_a": expected that of SRV records`,
		`{"prefix": "a", "count": 1, "address": "a.test:1", "id": 7}`:                         `a name or an id`,
		`{"prefix": "a", "count": 1, "address": "a.test:1", "discovery": {"source": "file"}}`: `both an address and a discovery`,
		`{"prefix": "a", "count": 1, "discovery": {"source": "fil"}}`:                         `unknown source "fil"; did you mean "file"?`,
		`{"prefix": "a", "count": 1, "discovery": {"source": "file"}}`:                        `path: expected the path of a file`,
		`{"prefix": "s", "count": 1, "address": "a.test:1"}`:                                  `servers 1 and 2 are both named "s1"`,
		`{"prefix": "a", "count": 1, "address": "a.test:1", "weight": 300}`:                   `weight 300`,
		`null`: `expected an object with prefix, count and address`,
	} {
		app := load(t, `{"`+unused("wrong")+`": {"servers": [{"name": "s1", "address": "10.0.0.1:1"}], "server_templates": [`+config+`]}}`)
		if err := app.Provision(newContext(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
}

// A template in a Caddyfile.
func TestServerTemplateCaddyfile(t *testing.T) {
	for input, want := range map[string]string{
		"server_template web 5 web.test:443 weight 3":                                        `{"prefix":"web","count":5,"name":"","address":"web.test:443","weight":3}`,
		"server_template web 2-4 _s._tcp.web.test resolve_opts ignore-weight":                `{"prefix":"web","low":2,"count":3,"name":"","address":"_s._tcp.web.test","resolve_opts":["ignore-weight"]}`,
		"server_template web 3 {\ndiscovery file /etc/servers\nresolve_opts allow-dup-ip\n}": `{"prefix":"web","count":3,"discovery":{"path":"/etc/servers","source":"file"},"name":"","address":"","resolve_opts":["allow-dup-ip"]}`,
		"server_template web 3 discovery dns_srv _s._tcp.web.test":                           `{"prefix":"web","count":3,"discovery":{"name":"_s._tcp.web.test","source":"dns_srv"},"name":"","address":""}`,
		"server_template web 0 web.test:443":                                                 `"0": expected the number of servers`,
		"server_template web 4-2 web.test:443":                                               `"4-2": expected the number of servers`,
		"server_template web":                                                                "expected server_template PREFIX NUMBER ADDRESS",
		"server_template web 3":                                                              "expected HOST:PORT with the name of a host",
		"server_template web 3 web.test:443 id 4":                                            "id",
		"server_template web 3 discovery consul":                                             `unknown source "consul"`,
		"server_template web 3 web.test:443\nserver_template web 3 a.test:443":               "has the prefix",
	} {
		a := new(App)
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("passthrough {\nbackend b {\n" + input + "\n}\n}"))
		var got string
		if err == nil {
			data, _ := json.Marshal(a.Backends["b"].ServerTemplates[0])
			got = string(data)
		} else {
			got = err.Error()
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", input, got, want)
		}
	}
}

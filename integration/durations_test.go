// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// ownModules are the modules of this project, with their paths in everything. Those without a path
// are known to have no durations.
var ownModules = map[string]string{
	"passthrough":                    "apps.passthrough",
	"passthrough.socket":             "apps.passthrough.sockets.0",
	"passthrough.frontend":           "apps.passthrough.frontends.own",
	"layer4.handlers.passthrough":    "apps.layer4.servers.srv0.routes.0.handle.0",
	"passthrough.policies.peak_ewma": "apps.passthrough.backends.web.balance",
	"passthrough.checks.tls":         "apps.passthrough.backends.web.servers.0.check.checker",
	"passthrough.checks.http":        "apps.passthrough.backends.http.check.checker",
	"passthrough.checks.tcp_script":  "apps.passthrough.backends.web.check.checker",
	"passthrough.checks.mysql":       "apps.passthrough.backends.protocols.servers.0.check.checker",
	"passthrough.checks.pgsql":       "apps.passthrough.backends.protocols.servers.1.check.checker",
	"passthrough.checks.ldap":        "apps.passthrough.backends.protocols.servers.2.check.checker",
	"passthrough.checks.smtp":        "apps.passthrough.backends.protocols.servers.3.check.checker",
	"passthrough.checks.redis":       "apps.passthrough.backends.protocols.servers.4.check.checker",
	"passthrough.checks.spop":        "apps.passthrough.backends.protocols.servers.5.check.checker",
	"passthrough.discovery.http":     "apps.passthrough.backends.web.server_templates.0.discovery",
	"passthrough.checks.http_script": "apps.passthrough.backends.script.check.checker",
	"passthrough.stick_stores.redis": "apps.passthrough.stick_tables.shared.store_in",
}

// everything is a configuration with everything that can hold a duration.
const everything = `{"apps": {
	"passthrough": {"resolvers": {"web": {"nameservers": [{"address": "127.0.0.1"}]}}, "stick_tables": {"shared": {"expire": "1m", "store_in": {"module": "redis", "url": "redis://127.0.0.1:1", "tls": {}}}}, "sockets": [{"address": "127.0.0.1:8445"}], "frontends": {"own": {
		"bind": [{"address": "127.0.0.1:8444"}],
		"servers": [{"name": "s1", "address": "127.0.0.1:1", "check": {}, "agent": {"port": 1}}],
		"server_templates": [{"prefix": "t", "count": 1, "address": "a.test:1", "check": {}, "agent": {"port": 1}}],
		"check": {}, "agent": {"port": 1}, "stick": {"rules": [{"action": "on", "key": "src"}]}, "preconnect": 1
	}}, "backends": {
		"web": {
			"servers": [{"name": "s1", "address": "127.0.0.1:1", "check": {"checker": {"module": "tls"}}, "agent": {"port": 1}}],
			"server_templates": [{"prefix": "t", "count": 1, "discovery": {"source": "http", "url": "http://127.0.0.1/"}, "check": {}, "agent": {"port": 1}}],
			"check": {"checker": {"module": "tcp_script", "tls": {}, "steps": [{"connect": {"tls": {}}}]}},
			"agent": {"port": 1}, "balance": {"policy": "peak_ewma"}, "stick": {"rules": [{"action": "on", "key": "src"}]}, "preconnect": 1,
			"content": {"rules": [{"action": "accept"}]}
		},
		"http": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}], "check": {"checker": {"module": "http", "tls": {}}}},
		"protocols": {"servers": [
			{"name": "s1", "address": "127.0.0.1:1", "check": {"checker": {"module": "mysql"}}},
			{"name": "s2", "address": "127.0.0.1:2", "check": {"checker": {"module": "pgsql", "user": "haproxy"}}},
			{"name": "s3", "address": "127.0.0.1:3", "check": {"checker": {"module": "ldap"}}},
			{"name": "s4", "address": "127.0.0.1:4", "check": {"checker": {"module": "smtp"}}},
			{"name": "s5", "address": "127.0.0.1:5", "check": {"checker": {"module": "redis"}}},
			{"name": "s6", "address": "127.0.0.1:6", "check": {"checker": {"module": "spop"}}}
		]},
		"script": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}], "check": {"checker": {"module": "http_script", "request": {}, "tls": {}, "steps": [{"connect": {"tls": {}}}]}}}
	}},
	"layer4": {"servers": {"srv0": {"listen": ["durable/127.0.0.1:8443"], "routes": [{"handle": [{
		"handler": "passthrough",
		"servers": [{"name": "s1", "address": "127.0.0.1:1", "check": {}, "agent": {"port": 1}}],
		"server_templates": [{"prefix": "t", "count": 1, "address": "a.test:1", "check": {}, "agent": {"port": 1}}],
		"check": {}, "agent": {"port": 1}, "stick": {"rules": [{"action": "on", "key": "src"}]}, "preconnect": 1
	}]}]}}}
}}`

// A number without a unit is nanoseconds in Caddy's JSON. No duration of ours accepts one that
// small.
func TestDurationsWithoutUnit(t *testing.T) {
	if err := validate([]byte(everything)); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range slices.Concat(caddy.GetModules("passthrough"), []caddy.ModuleInfo{new(balancer.App).CaddyModule(), new(l4passthrough.Handler).CaddyModule()},
		caddy.GetModules("passthrough.checks"), caddy.GetModules("passthrough.policies"), caddy.GetModules("passthrough.stick_stores"), caddy.GetModules("passthrough.discovery"), caddy.GetModules("layer4.matchers")) {
		if !strings.HasPrefix(reflect.TypeOf(m.New()).Elem().PkgPath(), module) {
			continue
		}
		at, listed := ownModules[string(m.ID)]
		for _, path := range durationPaths(reflect.TypeOf(m.New()), nil) {
			if !listed {
				t.Errorf("%s has durations: give its path in ownModules", m.ID)
				break
			}
			found++
			path := append(strings.Split(at, "."), path...)
			name := path[len(path)-1]
			if err := validate(with(t, everything, path, 30)); err == nil || !strings.Contains(err.Error(), name+` 30ns: expected at least 1ms: numbers without a unit are nanoseconds: write "30s"`) {
				t.Errorf("%v: 30: got %v", path, err)
			}
			if err := validate(with(t, everything, path, "500us")); err == nil || !strings.Contains(err.Error(), name+` 500µs: expected at least 1ms`) {
				t.Errorf("%v: 500us: got %v", path, err)
			}
		}
	}
	if found < 50 {
		t.Errorf("%d durations found", found)
	}
}

// durationPaths returns the paths of a config struct's durations: JSON keys, the key web of each
// map and the index 0 of each list.
func durationPaths(t reflect.Type, seen []reflect.Type) (paths [][]string) {
	below := func(key string, t reflect.Type) {
		for _, p := range durationPaths(t, seen) {
			paths = append(paths, append([]string{key}, p...))
		}
	}
	switch {
	case t == reflect.TypeFor[caddy.Duration]():
		return [][]string{{}}
	case t.Kind() == reflect.Pointer:
		return durationPaths(t.Elem(), seen)
	case t.Kind() == reflect.Map:
		below("web", t.Elem())
	case t.Kind() == reflect.Slice:
		below("0", t.Elem())
	case t.Kind() == reflect.Struct && !slices.Contains(seen, t):
		seen = append(seen, t)
		for f := range t.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && key == "":
				paths = append(paths, durationPaths(f.Type, seen)...)
			case key != "":
				below(key, f.Type)
			}
		}
	}
	return paths
}

// with returns the configuration with a value at a path.
func with(t *testing.T, config string, path []string, value any) []byte {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(config), &root); err != nil {
		t.Fatal(err)
	}
	at := root
	for i, key := range path {
		if list, ok := at.([]any); ok {
			n, err := strconv.Atoi(key)
			if err != nil || n >= len(list) {
				t.Fatalf("%v: nothing there", path[:i+1])
			}
			at = list[n]
			continue
		}
		object := at.(map[string]any)
		switch {
		case i == len(path)-1:
			object[key] = value
		case object[key] == nil:
			object[key] = make(map[string]any)
		}
		at = object[key]
	}
	b, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

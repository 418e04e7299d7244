// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// translated translates a text without the environment of the process.
func translated(tb testing.TB, text string) Result {
	tb.Helper()
	return Translate([]haproxyfile.Source{{Name: "/etc/haproxy/haproxy.cfg", Text: []byte(text)}}, Options{
		Getenv: func(string) (string, bool) { return "", false },
	})
}

// apps returns the translation as JSON, and fails the test if there are errors.
func apps(t *testing.T, text string) map[string]any {
	t.Helper()
	r := translated(t, text)
	if r.Failed {
		t.Fatalf("%v", r.Problems)
	}
	var config struct{ Apps map[string]any }
	if err := json.Unmarshal(r.JSON, &config); err != nil {
		t.Fatal(err)
	}
	return config.Apps
}

// at descends into a JSON value by keys and indexes.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
		if v == nil {
			return nil
		}
	}
	return v
}

// listens returns the addresses of a frontend, each with its network and mode.
func listens(t *testing.T, got any, frontend string) (addresses []any) {
	t.Helper()
	for _, bind := range at(t, got, "passthrough", "frontends", frontend, "bind").([]any) {
		bind := bind.(map[string]any)
		address := bind["address"].(string)
		if !strings.HasPrefix(address, "durable") {
			address = "durable/" + address
		}
		if mode, ok := bind["mode"]; ok {
			address += "|" + mode.(string)
		}
		addresses = append(addresses, address)
	}
	return addresses
}

const timeoutLines = "\ttimeout connect 1s\n\ttimeout client 1m\n\ttimeout server 1m\n"

// frontend returns a configuration with a frontend of these lines and a backend b.
func frontend(lines ...string) string {
	return "defaults\n" + timeoutLines + "frontend f\n\tbind 192.0.2.1:443\n\t" + strings.Join(lines, "\n\t") +
		"\nbackend b\n\tbalance roundrobin\n\tserver s1 192.0.2.2:443\n"
}

// backend returns a configuration with a backend b of these lines.
func backend(lines ...string) string {
	return "defaults\n" + timeoutLines + "frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\nbackend b\n\t" + strings.Join(lines, "\n\t") + "\n"
}

// equalJSON compares a part of the apps of a configuration.
func equalJSON(t *testing.T, text []byte, name, want string, path ...any) {
	t.Helper()
	var config struct{ Apps map[string]any }
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	equal(t, name, at(t, config.Apps, path...), want)
}

func equal(t *testing.T, name string, got any, want string) {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, got); diff != "" {
		t.Errorf("%s: -want +got\n%s", name, diff)
	}
}

func TestBind(t *testing.T) {
	for lines, want := range map[string]string{
		"bind :443":                            `["durable4/0.0.0.0:443"]`,
		"bind *:443 name x":                    `["durable4/0.0.0.0:443"]`,
		"bind 0.0.0.0:443":                     `["durable4/0.0.0.0:443"]`,
		"bind ipv4@:443":                       `["durable4/0.0.0.0:443"]`,
		"bind [::]:443":                        `["durable/[::]:443"]`,
		"bind :::443 v4v6":                     `["durable/[::]:443"]`,
		"bind :::443 v6only":                   `["durable6/[::]:443"]`,
		"bind ipv6@:443":                       `["durable/[::]:443"]`,
		"bind :443,[::]:443":                   `["durable4/0.0.0.0:443","durable6/[::]:443"]`,
		"bind :443\n\tbind [::]:443":           `["durable4/0.0.0.0:443","durable6/[::]:443"]`,
		"bind [::]:443\n\tbind :443":           `["durable6/[::]:443","durable4/0.0.0.0:443"]`,
		"bind :400-500\n\tbind [::]:443":       `["durable4/0.0.0.0:400-500","durable6/[::]:443"]`,
		"bind :443\n\tbind [::]:444":           `["durable4/0.0.0.0:443","durable/[::]:444"]`,
		"bind :443\n\tbind [::]:440-442":       `["durable4/0.0.0.0:443","durable/[::]:440-442"]`,
		"bind :443\n\tbind [::]:440-450":       `["durable4/0.0.0.0:443","durable/[::]:440-442","durable6/[::]:443","durable/[::]:444-450"]`,
		"bind :443\n\tbind 0.0.0.0:443":        `["durable4+shared/0.0.0.0:443","durable4+shared/0.0.0.0:443"]`,
		"bind :443-445\n\tbind :444-446":       `["durable4/0.0.0.0:443","durable4+shared/0.0.0.0:444-445","durable4+shared/0.0.0.0:444-445","durable4/0.0.0.0:446"]`,
		"bind :::443\n\tbind :::443 v6only":    `["durable+shared/[::]:443","durable6+shared/[::]:443"]`,
		"bind 192.0.2.7:443,192.0.2.7:443":     `["durable+shared/192.0.2.7:443","durable+shared/192.0.2.7:443"]`,
		"bind 192.0.2.7:443\n\tbind :443":      `["durable/192.0.2.7:443","durable4/0.0.0.0:443"]`,
		"bind /run/x,/run/x,/run/y":            `["durable+shared/unix//run/x","durable+shared/unix//run/x","durable/unix//run/y"]`,
		"bind fd@3\n\tbind fd@3\n\tbind fd@4":  `["durable+shared/fd/3","durable+shared/fd/3","durable/fd/4"]`,
		"bind 192.0.2.7:443\n\tbind [::]:443":  `["durable/192.0.2.7:443","durable/[::]:443"]`,
		"bind [2001:db8::1]:443":               `["durable/[2001:db8::1]:443"]`,
		"bind 127.0.0.1:8000-8010":             `["durable/127.0.0.1:8000-8010"]`,
		"bind localhost:443":                   `["durable/localhost:443"]`,
		"bind ipv4@localhost:443":              `["durable4/localhost:443"]`,
		"bind ipv6@localhost:443-445":          `["durable6/localhost:443-445"]`,
		"bind tcp6@localhost:443":              `["durable6/localhost:443"]`,
		"bind ip@localhost:443":                `["durable/localhost:443"]`,
		"bind ipv4@192.0.2.7:443":              `["durable/192.0.2.7:443"]`,
		"bind /run/x.sock mode 660":            `["durable/unix//run/x.sock|660"]`,
		"bind unix@/run/x.sock":                `["durable/unix//run/x.sock"]`,
		"bind abns@x,abns@x mode 600":          `["durable+shared/abns/x","durable+shared/abns/x"]`,
		"bind abnsz@x,abns@y":                  `["durable/unix/@x","durable/abns/y"]`,
		"bind fd@3":                            `["durable/fd/3"]`,
		"bind 192.0.2.7:443,":                  `["durable/192.0.2.7:443"]`,
		"bind ${WHERE}:443":                    `["durable/192.0.2.9:443"]`,
		"bind 192.0.2.7:443,192.0.2.8:444 tfo": `["durable/192.0.2.7:443","durable/192.0.2.8:444"]`,
	} {
		got := apps(t, "global\n\tsetenv WHERE 192.0.2.9\nfrontend f\n\t"+lines+"\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2:443\n")
		equal(t, lines, listens(t, got, "f"), want)
	}
}

func TestServer(t *testing.T) {
	const plain = `"name": "s1", "address": "192.0.2.2:443"`
	for line, want := range map[string]string{
		"server s1 192.0.2.2:443":                              `{` + plain + `}`,
		"server s1 192.0.2.2:443 weight 0 backup disabled":     `{` + plain + `, "weight": 0, "backup": true, "disabled": true}`,
		"server s1 192.0.2.2:443 backup no-backup":             `{` + plain + `}`,
		"server s1 192.0.2.2:443 disabled enabled":             `{` + plain + `}`,
		"server s1 192.0.2.2":                                  `{` + plain + `}`,
		"server s1 [2001:db8::1]:443":                          `{"name": "s1", "address": "[2001:db8::1]:443"}`,
		"server s1 web.example.com:443":                        `{"name": "s1", "address": "web.example.com:443"}`,
		"server s1 ipv4@web.example.com:443":                   `{"name": "s1", "address": "tcp4/web.example.com:443"}`,
		"server s1 tcp6@web.example.com:443":                   `{"name": "s1", "address": "tcp6/web.example.com:443"}`,
		"server s1 ip@web.example.com:443 resolve-prefer ipv4": `{"name": "s1", "address": "web.example.com:443", "resolve_prefer": "ipv4"}`,
		"server s1 ipv4@192.0.2.2:443":                         `{` + plain + `}`,
		"server s1 ipv6@web.example.com":                       `{"name": "s1", "address": "tcp6/web.example.com:443"}`,
		"default-server resolve-prefer ipv6\n\tserver s1 a.example:443 agent-check agent-port 9 agent-addr ipv4@b.example": `{"name": "s1", "address": "a.example:443", "resolve_prefer": "ipv6",
			"agent": {"address": "tcp4/b.example", "port": 9}}`,
		"server s1 unix@/run/x.sock":                             `{"name": "s1", "address": "unix//run/x.sock"}`,
		"server s1 abns@x":                                       `{"name": "s1", "address": "abns/x"}`,
		"server s1 abnsz@x.y:z":                                  `{"name": "s1", "address": "unix/@x.y:z"}`,
		"server s1 192.0.2.2:443 maxconn 5 minconn 2 maxqueue 9": `{` + plain + `, "maxconn": 5, "minconn": 2, "maxqueue": 9}`,
		"server s1 192.0.2.2:443 observe none":                   `{` + plain + `}`,
		"server s1 192.0.2.2:443 check observe layer4 error-limit 3 on-error mark-down on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions slowstart 30s": `{` + plain + `, "observe": "layer4", "error_limit": 3,
			"on_error": "mark_down", "on_marked_down": "shutdown_sessions", "on_marked_up": "shutdown_backup_sessions", "slowstart": 30000000000}`,
		"server s1 192.0.2.2:443 agent-check agent-port 9 agent-addr 192.0.2.3 agent-inter 5s agent-send \"x\\n\"": `{` + plain + `, "agent": {"address": "192.0.2.3", "port": 9, "interval": 5000000000, "send": "x\n"}}`,
		"default-server weight 7 backup\n\tserver s1 192.0.2.2:443 no-backup":                                      `{` + plain + `, "weight": 7}`,
		"server s1 192.0.2.2:443\n\tdefault-server weight 7":                                                       `{` + plain + `}`,
	} {
		got := apps(t, backend(line))
		equal(t, line, at(t, got, "passthrough", "backends", "b", "servers", 0), want)
	}
}

func TestBackend(t *testing.T) {
	const server, servers = "server s1 192.0.2.2:443", `"servers": [{"name": "s1", "address": "192.0.2.2:443"}]`
	const minute, second = `60000000000`, `1000000000`
	const usual = `"timeouts": {"connect": ` + second + `, "server": ` + minute + `}`
	for lines, want := range map[string]string{
		"":                     `{` + servers + `, "redispatch": false, ` + usual + `}`,
		"balance roundrobin":   `{` + servers + `, "redispatch": false, ` + usual + `}`,
		"option redispatch":    `{` + servers + `, "redispatch": -1, ` + usual + `}`,
		"option redispatch 0":  `{` + servers + `, "redispatch": false, ` + usual + `}`,
		"option redispatch -2": `{` + servers + `, "redispatch": -2, ` + usual + `}`,
		"option redispatch 3":  `{` + servers + `, "redispatch": 3, ` + usual + `}`,
		"option redispatch\n\tno option redispatch": `{` + servers + `, "redispatch": false, ` + usual + `}`,
		"retries 0":         `{` + servers + `, "retries": 0, "redispatch": false, ` + usual + `}`,
		"retry-on none":     `{` + servers + `, "retries": 0, "redispatch": false, ` + usual + `}`,
		"option allbackups": `{` + servers + `, "allbackups": true, "redispatch": false, ` + usual + `}`,
		"fullconn 9":        `{` + servers + `, "fullconn": 9, "redispatch": false, ` + usual + `}`,
		"timeout server 0":  `{` + servers + `, "redispatch": false, "timeouts": {"connect": ` + second + `, "server": -1}}`,
		"timeout tunnel 60s\n\ttimeout server-fin 1s\n\ttimeout queue 1000\n\ttimeout check 1s": `{` + servers + `, "redispatch": false, "timeouts": {"connect": ` + second + `, "server": ` + minute + `,
			"tunnel": ` + minute + `, "server_fin": ` + second + `, "queue": ` + second + `, "check": ` + second + `}}`,
	} {
		got := apps(t, backend(server, lines))
		equal(t, lines, at(t, got, "passthrough", "backends", "b"), want)
	}
	equal(t, "no servers", at(t, apps(t, backend("")), "passthrough", "backends", "b", "servers"), "[]")
	never := apps(t, "backend b\n\t"+server+"\nfrontend f\n\tbind :1\n\tdefault_backend b\n")
	equal(t, "no timeouts", at(t, never, "passthrough", "backends", "b", "timeouts"), `{"connect": -1, "server": -1}`)
	equal(t, "no timeouts", at(t, never, "passthrough", "frontends", "f", "timeout_client"), `-1`)
}

func TestFrontend(t *testing.T) {
	acl := func(criteria string) string { return `[{"acl": [{"any": [` + criteria + `]}]}]` }
	const hello = `{"fetch": "req.ssl_hello_type", "values": ["1"]}`
	for lines, want := range map[string]string{
		"default_backend b": `{"content": {}, "default_backend": "b"}`,
		"use_backend b":     `{"content": {}, "rules": [{"backend": "b"}]}`,
		"tcp-request inspect-delay 5s\n\ttcp-request content accept if { req.ssl_hello_type 1 }\n\ttcp-request content reject\n\tdefault_backend b": `{"default_backend": "b", "content": {"inspect_delay": 5000000000,
			"rules": [{"action": "accept", "match": ` + acl(hello) + `}, {"origin": "/etc/haproxy/haproxy.cfg:9: tcp-request content reject", "action": "close"}]}}`,
		"tcp-request content silent-drop unless { src 192.0.2.0/24 }\n\tuse_backend b": `{"content": {"rules": [{"origin": "/etc/haproxy/haproxy.cfg:7: tcp-request content silent-drop", "action": "drop", "unless": ` + acl(`{"fetch": "src", "values": ["192.0.2.0/24"]}`) + `}]},
			"rules": [{"backend": "b"}]}`,
		"tcp-request connection reject if { src 192.0.2.0/24 }\n\ttcp-request session accept\n\tuse_backend b": `{"connection": [{"origin": "/etc/haproxy/haproxy.cfg:7: tcp-request connection reject", "action": "reset", "match": ` + acl(`{"fetch": "src", "values": ["192.0.2.0/24"]}`) + `}],
			"session": [{"action": "accept"}], "content": {}, "rules": [{"backend": "b"}]}`,
		"tcp-request session reject\n\tuse_backend b": `{"session": [{"origin": "/etc/haproxy/haproxy.cfg:7: tcp-request session reject", "action": "close"}], "content": {}, "rules": [{"backend": "b"}]}`,
		"tcp-request content set-var(sess.sni) req.ssl_sni,lower if { req.ssl_hello_type 1 }\n\ttcp-request content unset-var(txn.x)\n\tuse_backend b": `{"content": {"rules": [
			{"action": "set_var", "var": "sess.sni", "value": "req.ssl_sni,lower", "match": ` + acl(hello) + `}, {"action": "unset_var", "var": "txn.x"}]}, "rules": [{"backend": "b"}]}`,
		"use_backend b if { req.ssl_sni -i www.a.test }":                                   `{"content": {}, "rules": [{"backend": "b", "match": [{"client_hello": {"sni": ["www.a.test"]}}]}]}`,
		"use_backend b unless { req_ssl_sni -i -m end .a.test }":                           `{"content": {}, "rules": [{"backend": "b", "unless": [{"client_hello": {"sni": [".a.test"]}}]}]}`,
		"use_backend b if { req.ssl_sni,lower www.a.test }":                                `{"content": {}, "rules": [{"backend": "b", "match": [{"client_hello": {"sni": ["www.a.test"]}}]}]}`,
		"acl x req.ssl_sni -i A.test\n\tacl x req.ssl_sni -i b.test\n\tuse_backend b if x": `{"content": {}, "rules": [{"backend": "b", "match": [{"client_hello": {"sni": ["a.test", "b.test"]}}]}]}`,
		"use_backend b if { req.ssl_sni www.a.test }":                                      `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "req.ssl_sni", "values": ["www.a.test"]}`) + `}]}`,
		"use_backend b if { req.ssl_sni,lower www.A.test }":                                `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "req.ssl_sni,lower", "values": ["www.A.test"]}`) + `}]}`,
		"use_backend b if { req.ssl_sni -i -m end a.test }":                                `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "req.ssl_sni", "method": "end", "ignore_case": true, "values": ["a.test"]}`) + `}]}`,
		"use_backend b if { req.ssl_sni -i .a.test }":                                      `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "req.ssl_sni", "ignore_case": true, "values": [".a.test"]}`) + `}]}`,
		"use_backend b if !{ req.ssl_sni -i a.test }":                                      `{"content": {}, "rules": [{"backend": "b", "match": [{"acl": [{"not": true, "any": [{"fetch": "req.ssl_sni", "ignore_case": true, "values": ["a.test"]}]}]}]}]}`,
		"use_backend b if { req.ssl_sni -i *.a.test }":                                     `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "req.ssl_sni", "ignore_case": true, "values": ["*.a.test"]}`) + `}]}`,
		"use_backend b if { req.ssl_sni -i +.a.test }":                                     `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "req.ssl_sni", "ignore_case": true, "values": ["+.a.test"]}`) + `}]}`,
		"use_backend b if { req.ssl_sni -i a.test. }":                                      `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "req.ssl_sni", "ignore_case": true, "values": ["a.test."]}`) + `}]}`,
		"acl x src 192.0.2.1\n\tuse_backend b if x !{ dst_port 443 } or TRUE": `{"content": {}, "rules": [{"backend": "b", "match": [
			{"acl": [{"name": "x", "any": [{"fetch": "src", "values": ["192.0.2.1"]}]}, {"not": true, "any": [{"fetch": "dst_port", "values": ["443"]}]}]},
			{"acl": [{"name": "TRUE", "any": [{"fetch": "always_true"}]}]}]}]}`,
		"use_backend b if ! { src 192.0.2.1 } || !!x\n\tacl y src 192.0.2.9": ``,
		"use_backend b if !!{ src 192.0.2.1 }":                               `{"content": {}, "rules": [{"backend": "b", "match": ` + acl(`{"fetch": "src", "values": ["192.0.2.1"]}`) + `}]}`,
		"use_backend %[req.ssl_sni,lower,field(1,.)]":                        `{"content": {}, "rules": [{"backend_format": "%[req.ssl_sni,lower,field(1,.)]"}]}`,
		"maxconn 9\n\ttimeout client-fin 5s\n\tuse_backend b":                `{"content": {}, "maxconn": 9, "timeout_client_fin": 5000000000, "rules": [{"backend": "b"}]}`,
	} {
		r := translated(t, frontend(lines))
		if want == "" {
			if !r.Failed {
				t.Errorf("%s: accepted", lines)
			}
			continue
		}
		got := at(t, apps(t, frontend(lines)), "passthrough", "frontends", "f").(map[string]any)
		for name, value := range map[string]any{"bind": []any{map[string]any{"address": "192.0.2.1:443"}}, "timeout_client": float64(time.Minute), "on": map[string]any{"no_match": "close", "no_server": "close"}} {
			if name == "timeout_client" && got[name] == nil {
				continue
			}
			if diff := cmp.Diff(value, got[name]); diff != "" {
				t.Errorf("%s: %s: %s", lines, name, diff)
			}
			delete(got, name)
		}
		equal(t, lines, got, want)
	}
}

func TestListen(t *testing.T) {
	got := apps(t, "listen web\n\tbind 192.0.2.1:443\n"+timeoutLines+"\tbalance roundrobin\n\tserver s1 192.0.2.2\n\ttcp-request content accept\n")
	equal(t, "own servers", at(t, got, "passthrough", "frontends", "web", "default_backend"), `"web"`)
	equal(t, "own servers", at(t, got, "passthrough", "backends", "web", "servers"), `[{"name": "s1", "address": "192.0.2.2:443"}]`)
	equal(t, "rules", at(t, got, "passthrough", "backends", "web", "content"), `null`)
	equal(t, "rules", at(t, got, "passthrough", "frontends", "web", "content"), `{"rules": [{"action": "accept"}]}`)
}

// Disabled sections are not emitted, and rules that lead to them are skipped.
func TestDisabled(t *testing.T) {
	got := apps(t, frontend("use_backend off", "default_backend b")+"backend off\n\tdisabled\n\tserver s1 192.0.2.9:1\nfrontend g\n\tdisabled\n\tbind :9\n\tdefault_backend b\n")
	equal(t, "rules", at(t, got, "passthrough", "frontends", "f", "rules"), `null`)
	equal(t, "backend", at(t, got, "passthrough", "backends", "off"), `null`)
	equal(t, "frontend", at(t, got, "passthrough", "frontends", "g"), `null`)
}

func TestDefaults(t *testing.T) {
	text := `defaults first
	timeout connect 1s
	timeout server 1m
	retries 7
	option redispatch
	default-server weight 9
	acl inner src 192.0.2.0/24
	tcp-request content reject if inner
defaults second
	timeout connect 2s
	timeout server 2m
	timeout client 2m
	balance roundrobin
defaults third from second
frontend f from first
	timeout client 1m
	bind 192.0.2.1:443
	tcp-request content accept
	default_backend b
backend b
	server s1 192.0.2.2:443
backend c from second
	server s1 192.0.2.2:443 weight 3
	no option redispatch
`
	got := apps(t, text)
	equal(t, "rules", at(t, got, "passthrough", "frontends", "f", "content", "rules"), `[
		{"origin": "/etc/haproxy/haproxy.cfg:8: tcp-request content reject", "action": "close", "match": [{"acl": [{"name": "inner", "any": [{"fetch": "src", "values": ["192.0.2.0/24"]}]}]}]}, {"action": "accept"}]`)
	equal(t, "implicit", at(t, got, "passthrough", "backends", "b"), `{"redispatch": false, "servers": [{"name": "s1", "address": "192.0.2.2:443"}], "timeouts": {"connect": 2000000000, "server": 120000000000}}`)
	equal(t, "named", at(t, got, "passthrough", "backends", "c", "servers", 0, "weight"), `3`)
}

func TestBranch(t *testing.T) {
	text := backend("server s1 192.0.2.2:443", "server s2 192.0.2.3:443")
	for branch, want := range map[string]string{
		"": "haproxy.cfg:8: without 'balance', roundrobin is used", "3.2": "", "2.6": "", "3.3": "random", "3.5-dev5": "random", "10.0": "random",
	} {
		r := Translate([]haproxyfile.Source{{Name: "haproxy.cfg", Text: []byte(text)}}, Options{Getenv: func(name string) (string, bool) {
			return branch, name == branchVariable && branch != ""
		}})
		random := strings.Contains(compact(string(r.JSON)), `"balance":{"draws":1,"policy":"random"}`)
		if random != (want == "random") || !random && !strings.Contains(fmt.Sprint(r.Problems), want) || want == "" && strings.Contains(fmt.Sprint(r.Problems), "balance") {
			t.Errorf("branch %q: %v, random %v, want %s", branch, r.Problems, random, want)
		}
	}
}

// A server's port may be relative to the port of the client's connection. If there is only one such
// port, it is known.
func TestServerWithoutPort(t *testing.T) {
	for lines, want := range map[string]string{
		"bind :443 -> 192.0.2.2":                         "192.0.2.2:443",
		"bind :443 -> 192.0.2.2:+8000":                   "192.0.2.2:8443",
		"bind :443 -> 192.0.2.2:-400":                    "192.0.2.2:43",
		"bind :443 -> 192.0.2.2:-443":                    "192.0.2.2:-443",
		"bind :443\n\tbind [::]:443 v6only -> 192.0.2.2": "192.0.2.2:443",
		"bind :443-444 -> 192.0.2.2":                     "192.0.2.2:+0",
		"bind :443-444 -> [2001:db8::1]:+10":             "[2001:db8::1]:+10",
		"bind :443-444 -> ipv4@web.test:-10":             "tcp4/web.test:-10",
		"bind :443\n\tbind :444 -> 192.0.2.2":            "192.0.2.2:+0",
		"bind /run/x.sock -> 192.0.2.2:+0":               "192.0.2.2:+0",
	} {
		binds, server, _ := strings.Cut(lines, " -> ")
		r := translated(t, "frontend f\n\t"+binds+"\n"+timeoutLines+"\tdefault_backend b\nbackend b\n"+timeoutLines+"\tserver s1 "+server+"\n")
		if !strings.Contains(string(r.JSON), `"address":"`+want+`"`) {
			t.Errorf("%s: %s, %v", lines, r.JSON, r.Problems)
		}
	}
	for server, want := range map[string]string{
		"192.0.2.2 check":                    "'server b/s1' : it has neither service port nor check port",
		"192.0.2.2:+10 check":                "'server b/s1' : it has neither service port nor check port",
		"192.0.2.2:+10 check port 8443":      "",
		"192.0.2.2 agent-check":              "does not have agent port",
		"192.0.2.2 agent-check agent-port 1": "",
	} {
		r := translated(t, "listen b\n\tbind :443-444\n"+timeoutLines+"\tserver s1 "+server+"\n")
		if r.Failed != (want != "") || !strings.Contains(fmt.Sprint(r.Problems), want) {
			t.Errorf("%s: %v", server, r.Problems)
		}
	}
}

func TestIncompatibleModes(t *testing.T) {
	for text, want := range map[string]string{
		"frontend f\n\tmode http\n\tbind :80\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2:80\n": "http frontend 'f' (/etc/haproxy/haproxy.cfg:1) tries to use incompatible tcp backend 'b'",
	} {
		if r := translated(t, text); !r.Failed || !strings.Contains(fmt.Sprint(r.Problems), want) {
			t.Errorf("%s: %v, want %s", text, r.Problems, want)
		}
	}
}

// A missing address is not mistaken for the option after it.
func TestServerWithoutAddress(t *testing.T) {
	r := translated(t, backend("server s1 check inter 2s"))
	if want := "'server' expects <name> and <addr>[:<port>] as arguments in backend 'b', and 'check' is an option"; !r.Failed || !strings.Contains(fmt.Sprint(r.Problems), want) {
		t.Errorf("%v, want %s", r.Problems, want)
	}
}

// An option that is ignored causes a warning.
func TestSilentDropRSTTTLWarns(t *testing.T) {
	for rule, warned := range map[string]bool{"silent-drop rst-ttl 3 if TRUE": true, "silent-drop": false} {
		r := translated(t, frontend("tcp-request content "+rule, "use_backend b"))
		if r.Failed || warned != strings.Contains(fmt.Sprint(r.Problems), "haproxy.cfg:7: differs from HAProxy: 'rst-ttl'") {
			t.Errorf("%s: %v", rule, r.Problems)
		}
	}
}
